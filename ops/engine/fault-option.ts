import { type Aim, API_NAMES, type Fault } from "../../packages/embedded-google-cloud/index.ts";
import { nearest } from "../terminal/nearest.ts";
import { UsageError } from "../terminal/user-error.ts";

/** Google's errors, as the embedded cloud can answer with them. */
const STATUSES = [403, 409, 429, 500, 503] as const;

/** The faults without a number. */
const KINDS = ["stale", "reset", "silence", "lost", "late"] as const;

const FAULTS = [...STATUSES, ...KINDS, "MILLISECONDSms"].join(", ");

/** A path may contain colons, as in `versions/latest:access`. */
const FORM = new RegExp(
  `^(?:(?<method>[A-Z]+) )?(?<api>[a-z]+)(?<path>/.+)?:(?:(?<status>${STATUSES.join("|")})|(?<kind>${KINDS.join("|")})|(?<milliseconds>\\d{1,6})ms)(?::(?<times>[1-9]\\d{0,5}))?$`,
);

/** The option's form, for `--help`. */
export const FAULT_FORM = "[METHOD ]API[/PATH]:FAULT[:TIMES] or region/REGION:503";

/** A lost region, such as `region/us-central1:503`. */
const LOST_REGION = /^region\/([a-z]+(?:-[a-z]+)+\d+):503$/;

/** A fault, and the calls that it affects; or a region that is lost. */
export type Placed = { readonly aim: Aim; readonly fault: Fault } | { readonly region: string };

/**
 * Reads a value of `--fault`, such as `sqladmin:429`, `secretmanager/latest:access:403` `POST sqladmin/import:late:1`, or
 * `region/us-central1:503`.
 * @throws UsageError if it has another form, or names an API that the embedded cloud does not have.
 */
export function faultOf(text: string): Placed {
  const [, region] = LOST_REGION.exec(text) ?? [];
  if (region !== undefined) return { region };
  const { method, api: named, path, status, kind, milliseconds, times } = FORM.exec(text)?.groups ?? {};
  if (named === undefined || named === "region") {
    throw new UsageError(
      `--fault must have the form ${FAULT_FORM}, such as sqladmin:429 or 'POST sqladmin/import:late:1', not "${text}". ` +
        `API is one of ${API_NAMES.join(", ")}; FAULT one of ${FAULTS}.`,
    );
  }
  const api = API_NAMES.find((name) => name === named);
  if (api === undefined) {
    const meant = nearest(named, API_NAMES);
    const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
    throw new UsageError(`--fault: "${named}" is not one of the APIs, ${API_NAMES.join(", ")}.${hint}`);
  }
  const aim: Aim = {
    api,
    path: new RegExp((path ?? "").replace(/[.*+?^${}()|[\]\\]/g, "\\$&")),
    ...(method !== undefined && { method }),
    ...(times !== undefined && { times: Number(times) }),
  };
  return { aim, fault: faultIn(status, kind, milliseconds) };
}

function faultIn(status: string | undefined, kind: string | undefined, milliseconds: string | undefined): Fault {
  const error = STATUSES.find((one) => String(one) === status);
  if (error !== undefined) return { kind: "error", status: error };
  const named = KINDS.find((one) => one === kind);
  return named === undefined ? { kind: "latency", milliseconds: Number(milliseconds) } : { kind: named };
}
