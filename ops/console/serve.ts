import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { setTimeout as delay } from "node:timers/promises";
import { Board } from "../../packages/console/board.ts";
import { type Console, Refused, startConsole } from "../../packages/console/server.ts";
import { isLoopback } from "../engine/endpoints.ts";
import { Blank } from "./blank.ts";
import { followCalls } from "./calls.ts";
import { Cloud } from "./cloud.ts";
import { LiveDoctor } from "./doctor.ts";
import { IncidentReplay } from "./incident.ts";
import { Jobs } from "./jobs.ts";
import { observe } from "./observed.ts";
import { picture, shares } from "./picture.ts";
import { remedyFor } from "./remedies.ts";
import { ServiceClient } from "./requests.ts";
import { schemaOf } from "./schema.ts";
import { recentLogs, recentRequests } from "./traffic.ts";
import { previewWithZone } from "./zone.ts";

/** The local stack that the console shows. */
export interface ShownStack {
  readonly stack: Stack;
  /** The embedded cloud of this process. */
  readonly url: string;
  readonly ownerToken: string;
  readonly project: string;
  readonly region: string;
  /** Folder of the instance's socket; undefined if it could not be opened. */
  readonly socket: string | undefined;
}

/** Between two looks at the cloud while a page follows and while changes come, in milliseconds. */
const IDLE = 4_000;
const BUSY = 400;

/** How long the cloud must be quiet before the doctor looks, in milliseconds. */
const QUIET = 1_500;

/**
 * Serves the console of a stack that this process holds open.
 * @param onError Gets unexpected errors.
 * @throws Error if the cloud is not on this machine.
 */
export async function serveConsole(shown: ShownStack, onError: (error: unknown) => void): Promise<Console> {
  const { ownerToken, project, region, socket, stack, url } = shown;
  if (!isLoopback(url)) throw new Error(`The console is for the embedded cloud only, not for ${url}.`);
  const blank = new Blank();
  blank.learn(ownerToken);
  const cloud = new Cloud({ url, token: ownerToken, project, region });
  const ended = new AbortController();
  let [wake, changed] = [() => undefined as unknown, performance.now()];
  let looked = -Infinity;

  const board = new Board(blank.text, () => {
    wake();
  });
  const jobs = new Jobs(board);
  const doctor = new LiveDoctor(board, project, socket);
  const client = new ServiceClient(cloud);
  const replay = new IncidentReplay({
    ...{ board, cloud, client, doctor, jobs },
    observe: () => observe(cloud, stack, blank),
    previewWithZone: () => previewWithZone(stack),
  });
  board.set("stack", { name: stack.name, project, region, url });

  async function refresh(): Promise<void> {
    const seen = await observe(cloud, stack, blank);
    const [requests, logs, schema] = await Promise.all([
      recentRequests(cloud),
      recentLogs(cloud),
      schemaOf(cloud, seen, socket),
    ]);
    board.set("system", picture(seen, schema));
    board.set("traffic", { url: seen.service?.uri ?? "", shares: shares(seen), requests });
    board.set("logs", logs);
    board.set("schema", schema);
  }

  /** Looks again and again while a page follows: soon after a change, else at leisure. */
  async function follow(): Promise<void> {
    while (!ended.signal.aborted) {
      if (board.watched) {
        await refresh().catch(onError);
        const isQuiet = performance.now() - changed > QUIET && board.get("job")?.state !== "running";
        if (isQuiet && looked < changed) {
          looked = performance.now();
          void doctor.look().catch(onError);
        }
      }
      await delay(BUSY, undefined, { signal: ended.signal }).catch(() => undefined);
      const woken = new Promise(
        (resolve) =>
          (wake = () => {
            resolve(undefined);
            return undefined;
          }),
      );
      const pause = performance.now() - changed < IDLE ? 0 : IDLE;
      await Promise.race([woken, delay(pause, undefined, { signal: ended.signal }).catch(() => undefined)]);
    }
  }

  const endCalls = followCalls({
    onCalls: (calls) => {
      board.set("calls", calls);
    },
    onChange: (what) => {
      if (what === "cloud") changed = performance.now();
      wake();
    },
    onSecret: (value) => {
      blank.learn(value);
    },
  });
  const following = follow();

  const server = await startConsole({
    board,
    onError,
    actions: {
      send: () => client.send("console"),
      diagnose: async () => {
        await doctor.look();
      },
      run: async ({ check }) => {
        const row = board.get("doctor")?.rows.find((each) => each.check === check);
        const remedy = row?.fix === undefined ? undefined : remedyFor(row.fix, project);
        if (!remedy) throw new Refused("The console does not run this command.");
        await remedy(cloud, jobs);
        await doctor.look();
      },
      break: ({ fault }) => (fault === "zone" ? replay.zone() : replay.set(String(fault))),
      fix: () => replay.fix(),
      rotate: () => replay.rotate(),
    },
  });
  return {
    address: server.address,
    stop: async () => {
      ended.abort();
      endCalls();
      jobs.stop();
      await Promise.all([server.stop(), following]);
    },
  };
}
