import type { CloudOptions } from "../../packages/embedded-google-cloud/index.ts";
import { BROKEN, HEALTHY_AND_FAILING } from "../packages/embedded-google-cloud/apis/cloudrun/programs.ts";
import { LONG_FORM } from "../long-form.ts";
import type { Step } from "../scenario.ts";

export const IMAGE = "us-central1-docker.pkg.dev/settlement-local/settlement/settlement-service";
export const SERVICE = "/v2/projects/settlement-local/locations/us-central1/services/settlement-service";

const program = (source: string) => ({ command: process.execPath, args: ["-e", source, "--"] });

/** Failing programs, by image. */
export const FAILING: NonNullable<CloudOptions["images"]> = {
  [`${IMAGE}:broken`]: program(HEALTHY_AND_FAILING),
  [`${IMAGE}:ends`]: program(BROKEN),
};

/** The service, as Cloud Run returns it. */
export interface Service {
  readonly uri: string;
  readonly latestReadyRevision: string;
  readonly trafficStatuses: readonly { readonly type: string; readonly revision?: string; readonly percent?: number }[];
}

/** The stack under test. */
export interface Updated {
  /** Updates the service to another image. */
  readonly deploy: (tag: string) => Promise<unknown>;
  /** Reads from the embedded cloud. */
  readonly get: <T>(path: string) => Promise<T>;
  readonly token: string;
}

/** Numbers of the revision that answers 500 and of the next one; the long form deploys another one before. */
const FAILED = LONG_FORM ? "00004" : "00003";
export const NEXT = LONG_FORM ? "00005" : "00004";

/** Steps of a scenario: deploys revisions that do not work, after two that do. */
export function failingRevisions(step: Step, updated: () => Updated): void {
  const LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST";
  /** The revision that serves the users. */
  const serving = async () => (await updated().get<Service>(SERVICE)).latestReadyRevision.split("/").at(-1) ?? "";

  step.inLongForm("gives no traffic to a revision that does not start", async () => {
    const { deploy, get } = updated();
    const old = await serving();
    await expect(deploy("ends")).rejects.toThrow(
      new RegExp(
        "^The update of local failed:\n  - settlement-service: Revision 'settlement-service-00003-...' is not ready [^]*\n" +
          `Users are not affected: the traffic stays on ${old}\\. Run this again to resume\\.$`,
      ),
    );
    expect((await get<Service>(SERVICE)).trafficStatuses).toEqual([{ type: LATEST, percent: 100 }]);
  });

  step("gives no traffic to a revision that answers 500, and reports it", async () => {
    const { deploy, get, token } = updated();
    const old = await serving();
    await expect(deploy("broken")).rejects.toThrow(
      new RegExp(
        `^(settlement-service-${FAILED}-...) gets no traffic: POST /smoke-test answered 500: the table is gone\n` +
          `Users are not affected: the traffic stays on ${old}\\. Its log: gcloud logging read ` +
          `'resource\\.labels\\.revision_name="\\1"' --limit=50 --project=settlement-local\nOnce it is fixed: npm run up -- --stack local$`,
      ),
    );
    const { trafficStatuses, uri } = await get<Service>(SERVICE);
    const tagged = uri.replace("/run/", "/run/candidate---");
    expect(trafficStatuses).toEqual([
      { type: "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", revision: old, percent: 100 },
      { type: LATEST, tag: "candidate", uri: tagged },
    ]);
    const { status } = await fetch(`${tagged}/commands/any`, { headers: { authorization: `Bearer ${token}` } });
    expect(status).toBe(500);
  });
}
