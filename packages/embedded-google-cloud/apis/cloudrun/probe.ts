import { request } from "node:http";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { neverListened, probeFailed, unsupported } from "./failure.ts";
import type { Process } from "./program.ts";
import type { InstanceTemplate, Probe } from "./resources.ts";

/** Without a probe, Cloud Run waits 240 s for the port: https://cloud.google.com/run/docs/configuring/healthchecks */
const DEFAULT_PROBE: Probe = { tcpSocket: {}, timeoutSeconds: 240, periodSeconds: 240, failureThreshold: 1 };

/** Milliseconds between attempts: a fifth of the time waited so far, within these limits. */
const SHORTEST_PAUSE = 20;
const LONGEST_PAUSE = 1000;

/**
 * Waits until the startup probe succeeds. Its times are upper bounds: it runs more often than its period, so that an early
 * start is noticed early.
 * @param log Named in the failure.
 * @throws StartFailure if the process ends or the probe times out.
 */
export async function untilReady(
  template: InstanceTemplate,
  process: Process,
  port: number,
  log: string,
): Promise<void> {
  const [container] = template.containers;
  const probe = container?.startupProbe ?? DEFAULT_PROBE;
  if (probe.grpc) throw unsupported("has no gRPC probes; use httpGet or tcpSocket");
  const { initialDelaySeconds = 0, periodSeconds = 10, failureThreshold = 3, timeoutSeconds = 1 } = probe;
  const begin = Date.now();
  const end = begin + (initialDelaySeconds + periodSeconds * failureThreshold) * 1000;
  while (!process.exit) {
    const attempt = probe.httpGet ? httpSucceeds(probe.httpGet, port, timeoutSeconds) : accepts(port, timeoutSeconds);
    if ((await Promise.race([attempt, process.exited])) === true) return;
    if (Date.now() >= end)
      throw probe.httpGet && (await accepts(port, 1)) ? probeFailed(log) : neverListened(container, log);
    const pause = Math.min(Math.max((Date.now() - begin) / 5, SHORTEST_PAUSE), LONGEST_PAUSE, end - Date.now());
    await Promise.race([delay(pause), process.exited]);
  }
  throw neverListened(container, log);
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
