import { pathToFileURL } from "node:url";
import type { Container, Reason } from "./resources.ts";

/** The values of google.rpc.Code that failed operations have. */
export const RPC = { NOT_FOUND: 5, PERMISSION_DENIED: 7, FAILED_PRECONDITION: 9, ABORTED: 10 } as const;

/** A container did not start. */
export class StartFailure extends Error {
  override readonly name = "StartFailure";

  readonly reason: Reason;
  readonly code: number;

  /**
   * @param message Cloud Run's message, as in a condition.
   * @param reason The condition's reason.
   * @param code The google.rpc.Code of the failed operation.
   */
  constructor(message: string, reason: Reason, code: number = RPC.FAILED_PRECONDITION) {
    super(message);
    this.reason = reason;
    this.code = code;
  }
}

/** Wraps any other error as a StartFailure. */
export function asStartFailure(error: unknown): StartFailure {
  if (error instanceof StartFailure) return error;
  return new StartFailure(error instanceof Error ? error.message : String(error), { reason: "UNKNOWN" });
}

export function imageNotFound(image: string): StartFailure {
  return new StartFailure(`Image '${image}' not found.`, { reason: "CONTAINER_MISSING" }, RPC.NOT_FOUND);
}

/** @param why Google's sentence. */
export function imageDenied(why: string): StartFailure {
  return new StartFailure(why, { reason: "CONTAINER_PERMISSION_DENIED" }, RPC.PERMISSION_DENIED);
}

/** @param problems A message for each unreadable secret. */
export function secretsNotReadable(problems: readonly string[]): StartFailure {
  return new StartFailure(problems.join("\n"), { reason: "SECRETS_ACCESS_CHECK_FAILED" });
}

/** For features of Cloud Run that the embedded cloud lacks. */
export function unsupported(what: string): StartFailure {
  return new StartFailure(`The embedded cloud ${what}.`, { reason: "UNKNOWN" });
}

/** The process ended, or did not listen in time. */
export function neverListened(container: Container | undefined, log: string): StartFailure {
  return unhealthy(
    "The user-provided container failed to start and listen on the port defined provided by the " +
      `PORT=${containerPort(container)} environment variable within the allocated timeout. This can happen when the ` +
      "container port is misconfigured or if the timeout is too short. The health check timeout can be extended.",
    log,
  );
}

/** The process listens, but its startup probe did not succeed in time. */
export function probeFailed(log: string): StartFailure {
  return unhealthy("The user-provided container failed the configured startup probe checks.", log);
}

function unhealthy(what: string, log: string): StartFailure {
  return new StartFailure(
    `${what} Logs for this revision might contain more information.\n\nLogs URL: ${pathToFileURL(log).href}`,
    { revisionReason: "HEALTH_CHECK_CONTAINER_ERROR" },
  );
}

/** The port of a container, as it is declared; 8080 by default. */
export function containerPort(container: Container | undefined): number {
  return container?.ports?.[0]?.containerPort ?? 8080;
}
