import { request } from "node:http";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { containerPort, neverListened, probeFailed, unsupported } from "./failure.ts";
import type { Log } from "./logs.ts";
import type { Process } from "./program.ts";
import type { Probe, Revision } from "./resources.ts";

/** Without a probe, Cloud Run waits 240 s for the port: https://cloud.google.com/run/docs/configuring/healthchecks */
const DEFAULT_PROBE: Probe = { tcpSocket: {}, timeoutSeconds: 240, periodSeconds: 240, failureThreshold: 1 };

/** Milliseconds between attempts: a fifth of the time waited so far, within these limits. */
const SHORTEST_PAUSE = 20;
const LONGEST_PAUSE = 1000;

/** An instance that is starting. */
export interface Starting {
  readonly revision: Revision;
  readonly process: Process;
  /** On 127.0.0.1. */
  readonly port: number;
  /** Gets a line when the probe has failed, and is named in the failure. */
  readonly log: Log;
}

/**
 * Waits until the startup probe succeeds. Its times are upper bounds: it runs more often than its period, so that an early
 * start is noticed early.
 * @throws StartFailure if the process ends or the probe times out.
 */
export async function untilReady({ revision, process, port, log }: Starting): Promise<void> {
  const [container] = revision.containers;
  const probe = container?.startupProbe ?? DEFAULT_PROBE;
  if (probe.grpc) throw unsupported("has no gRPC probes; use httpGet or tcpSocket");
  const { initialDelaySeconds = 0, periodSeconds = 10, failureThreshold = 3, timeoutSeconds = 1 } = probe;
  const begin = Date.now();
  const end = begin + (initialDelaySeconds + periodSeconds * failureThreshold) * 1000;
  while (!process.exit) {
    const attempt = probe.httpGet ? httpSucceeds(probe.httpGet, port, timeoutSeconds) : accepts(port, timeoutSeconds);
    if ((await Promise.race([attempt, process.exited])) === true) return;
    if (Date.now() >= end) {
      const listens = await accepts(port, 1);
      log.system(failed(revision, probe, listens), "ERROR");
      throw probe.httpGet && listens ? probeFailed(log.path) : neverListened(container, log.path);
    }
    const pause = Math.min(Math.max((Date.now() - begin) / 5, SHORTEST_PAUSE), LONGEST_PAUSE, end - Date.now());
    await Promise.race([delay(pause), process.exited]);
  }
  throw neverListened(container, log.path);
}

/** What Cloud Run logs. */
function failed({ containers: [container], service }: Revision, probe: Probe, listens: boolean): string {
  const { failureThreshold = 3, httpGet } = probe;
  const what = `${probe === DEFAULT_PROBE ? "Default " : ""}STARTUP ${httpGet ? "HTTP" : "TCP"} probe failed`;
  const times = `${failureThreshold} time${failureThreshold === 1 ? "" : "s"} consecutively`;
  const where = `container "${container?.name ?? `${service}-1`}" on port ${containerPort(container)}`;
  const path = httpGet ? ` path "${httpGet.path ?? "/"}"` : "";
  const why = listens ? "" : " Connection failed with status ERROR_CONNECTION_FAILED.";
  return `${what} ${times} for ${where}${path}. The instance was not started.${why}`;
}

function accepts(port: number, timeoutSeconds: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", timeout: timeoutSeconds * 1000 });
    const settle = (accepted: boolean) => () => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once("connect", settle(true)).once("timeout", settle(false)).once("error", settle(false));
  });
}

function httpSucceeds(probe: NonNullable<Probe["httpGet"]>, port: number, timeoutSeconds: number): Promise<boolean> {
  const headers = Object.fromEntries((probe.httpHeaders ?? []).map(({ name, value = "" }) => [name, value]));
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutSeconds * 1000);
    request({ host: "127.0.0.1", port, path: probe.path ?? "/", headers, agent: false, signal }, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400);
    })
      .once("error", () => {
        resolve(false);
      })
      .end();
  });
}
