import { z } from "zod";
import { key, pattern, whole } from "../schema-parts.ts";
import { EXISTING } from "./existing.ts";

/** The last step of adoption; see `adopt.ts`. */
export const LAST_STEP = 3;

/** Resources that may not exist yet. */
const MISSABLE = Object.values(EXISTING)
  .flatMap(({ part = [] }) => part)
  .sort();

const INSTANCE = "the name of the instance, PROJECT-db- and eight hexadecimal digits";
const CREDENTIAL =
  'the version of settlement-db-connection-string in use, in quotes: "1"; or replace, if the service cannot log in';

/** The section `adopt`. */
export const adopt = key(
  'Adopts manually created resources; without this key everything is created. See DEPLOYMENT.md, "Adopting production".',
  { instance: "fusion-prime-db-a504713e", credential: "1", step: 1 },
  z.strictObject(
    {
      instance: key(
        "Name of the instance, which includes the suffix.",
        "fusion-prime-db-a504713e",
        pattern(/-db-[0-9a-f]{8}$/, INSTANCE),
      ),
      credential: key(
        "The version of `settlement-db-connection-string` that the service uses until the first rotation; or `replace` if it cannot log in, which gives it a credential in the first step.",
        "1",
        pattern(/^([1-9]\d*|replace)$/, CREDENTIAL),
      ),
      step: key("The current step of the adoption.", 1, whole(1, LAST_STEP)),
      missing: key(
        "Resources to create, because they do not exist.",
        MISSABLE.slice(0, 1),
        z.array(z.enum(MISSABLE, `any of ${MISSABLE.join(", ")}`), "a list").default([]),
      ),
    },
    "an object with instance, credential and step",
  ),
);

/** The keys that must fit those of adoption; each may be invalid on its own. */
export interface Adopting {
  readonly project?: unknown;
  readonly schema?: Readonly<{ baseline?: unknown }> | null;
  readonly rotation?: Readonly<{ step?: unknown }> | null;
  readonly adopt?: Readonly<Record<"instance" | "credential" | "step" | "missing", unknown>> | null | undefined;
}

/** Checks keys that must fit each other. @param wrong Called with each wrong key and what is expected. */
export function checkAdoption(
  { adopt, project, rotation, schema }: Adopting,
  wrong: (path: string[], expected: string) => void,
): void {
  if (!adopt) return;
  const missing: unknown[] = Array.isArray(adopt.missing) ? adopt.missing : [];
  if (adopt.instance !== `${String(project)}-db-${String(adopt.instance).slice(-8)}`) {
    wrong(["adopt", "instance"], "the project's id, -db- and eight hexadecimal digits");
  }
  if (adopt.credential !== "replace" && missing.some((part) => part === "connectionStringSecret" || part === "user")) {
    wrong(["adopt", "credential"], "replace, because without the secret or the login no credential works");
  }
  if (Number(adopt.step) < LAST_STEP && !missing.includes("tables") && Number(rotation?.step ?? 0) > 0) {
    wrong(["rotation", "step"], `0 before step ${LAST_STEP} of adoption, which lets the second login use the tables`);
  }
  if (adopt.step === LAST_STEP && !missing.includes("tables") && schema?.baseline === undefined) {
    wrong(["schema", "baseline"], "the version of the manually created tables that adoption takes over");
  }
}
