import { join } from "node:path";
import type { Board } from "../../packages/console/board.ts";
import type { Answer, FaultInfo, Incident, Step } from "../../packages/console/data.ts";
import { Refused } from "../../packages/console/server.ts";
import { ROOT } from "../engine/stack-file.ts";
import type { Cloud } from "./cloud.ts";
import type { LiveDoctor } from "./doctor.ts";
import { FAULTS, trafficToNewest } from "./faults.ts";
import type { Jobs } from "./jobs.ts";
import type { Observed } from "./observed.ts";
import { remedyFor } from "./remedies.ts";
import type { ServiceClient } from "./requests.ts";

/** The fifth switch, which changes nothing. */
const ZONE: FaultInfo = {
  id: "zone",
  title: "A zone in the connection name",
  story: "PROJECT:ZONE:INSTANCE instead of PROJECT:REGION:INSTANCE fails only when the service connects.",
  how: "Previews the program with the zone. The policy refuses it, so nothing is changed.",
};

/** How many commands of the doctor a fix runs at most. */
const MOST_COMMANDS = 4;

/** Between two requests of the stream, in milliseconds. */
const STREAM_PAUSE = 100;

/** What an incident needs. */
export interface IncidentOptions {
  readonly board: Board;
  readonly cloud: Cloud;
  readonly client: ServiceClient;
  readonly doctor: LiveDoctor;
  readonly jobs: Jobs;
  readonly observe: () => Promise<Observed>;
  /** Previews with a zone, and returns what the policies say. */
  readonly previewWithZone: () => Promise<readonly { policy: string; message: string }[]>;
}

/** Sets a fault of the incident, shows what fails, and does what the doctor says. */
export class IncidentReplay {
  private readonly options: IncidentOptions;
  private state: Incident = { faults: [...FAULTS.map(info), ZONE], phase: "healthy", steps: [] };

  constructor(options: IncidentOptions) {
    this.options = options;
    this.update({});
  }

  /** Sets a fault. @throws Refused if one is set, or something else is under way. */
  async set(id: string): Promise<void> {
    const fault = FAULTS.find((each) => each.id === id);
    if (!fault) throw new Refused(`There is no fault "${id}".`);
    this.begin("breaking", id);
    const { client, cloud, doctor, jobs, observe } = this.options;
    try {
      const seen = await observe();
      await jobs.show({ title: fault.how }, (say) =>
        fault.set(
          cloud.reporting((line) => {
            say(`${line}\n`);
            this.step({ text: line, health: "ok" });
          }),
          seen,
        ),
      );
      this.answered(await client.send("incident"));
      await doctor.look();
      this.update({ phase: "broken" });
    } catch (error) {
      this.failed(error, "broken");
    }
  }

  /** Runs what the doctor says until it finds nothing. @throws Refused if something else is under way. */
  async fix(): Promise<void> {
    this.begin("fixing", this.state.fault);
    const { client, cloud, doctor, jobs } = this.options;
    try {
      for (let count = 0; count < MOST_COMMANDS; count++) {
        const first = (await doctor.look()).find(({ verdict }) => verdict === "finding");
        if (!first) break;
        this.step({ text: `The doctor: ${first.title}: ${first.found}`, health: "error" });
        const remedy = first.fix === undefined ? undefined : remedyFor(first.fix, cloud.project);
        if (!remedy)
          throw new Refused(`The console does not run this command; run it yourself: ${first.fix ?? "none"}`);
        this.step({ text: `$ ${first.fix ?? ""}`, health: "busy" });
        await remedy(cloud, jobs);
        this.ended("ok");
      }
      await trafficToNewest(
        cloud.reporting((line) => {
          this.step({ text: line, health: "ok" });
        }),
      );
      const answers = await client.send("incident");
      this.answered(answers);
      const rows = await doctor.look();
      if (rows[0]?.verdict !== "finding") this.step({ text: "The doctor finds no fault", health: "ok" });
      const isHealthy = answers.every(({ status }) => status === 200) && rows[0]?.verdict !== "finding";
      this.update({ phase: isHealthy ? "healthy" : "broken" });
    } catch (error) {
      this.failed(error, "broken");
    }
  }

  /** Previews with a zone in the connection name. @throws Refused if something else is under way. */
  async zone(): Promise<void> {
    this.begin("breaking", ZONE.id);
    const { jobs, previewWithZone } = this.options;
    try {
      await jobs.show({ title: "A preview with a zone in the connection name" }, async (say) => {
        this.step({ text: "Preview with us-central1-a in the connection name", health: "busy" });
        const findings = await previewWithZone();
        this.ended(findings.length > 0 ? "ok" : "error");
        for (const { message, policy } of findings) {
          say(`${policy}: ${message}\n`);
          this.step({ text: `The policy ${policy} refuses the update`, health: "error", detail: message });
        }
      });
      this.step({ text: "Nothing was changed", health: "ok" });
      this.update({ phase: "healthy" });
    } catch (error) {
      this.failed(error, "healthy");
    }
  }

  /** Rotates the credential under a stream of requests. @throws Refused if something else is under way. */
  async rotate(): Promise<void> {
    this.begin("rotating", undefined);
    const { client, jobs } = this.options;
    const open = new Set<Promise<void>>();
    let [sent, failed] = [0, 0];
    const send = async () => {
      const answers = await client.send("rotation");
      if (answers.some(({ status }) => status !== 200)) failed++;
    };
    const timer = setInterval(() => {
      sent++;
      const one: Promise<void> = send().finally(() => open.delete(one));
      open.add(one);
      this.update({ stream: { sent, failed } });
    }, STREAM_PAUSE);
    const command = "npm run rotate -- --stack=local";
    try {
      this.step({ text: `$ ${command}`, health: "busy" });
      await jobs.run(command, [join(ROOT, "ops", "rotate.ts"), "--stack", "local", "--yes"]);
      this.ended("ok");
    } catch (error) {
      this.failed(error, "rotating");
    } finally {
      clearInterval(timer);
      await Promise.all(open);
      this.step({
        text: `${sent} requests during the rotation, ${failed} failed`,
        health: failed === 0 ? "ok" : "error",
      });
      this.update({ phase: "healthy", stream: { sent, failed } });
    }
  }

  /** @throws Refused unless the phase lets it begin. */
  private begin(phase: Incident["phase"], fault: string | undefined): void {
    const { phase: now } = this.state;
    if (!["healthy", "broken"].includes(now)) throw new Refused("Something is under way; wait until it has ended.");
    if (now === "broken" && phase !== "fixing") throw new Refused("Fix the fault that is set first.");
    const { faults } = this.state;
    this.state = { faults, phase, steps: [], ...(fault !== undefined && { fault }) };
    this.update({});
  }

  private answered(answers: readonly Answer[]): void {
    for (const { body, milliseconds, request, status } of answers) {
      const health = status === 200 ? "ok" : "error";
      this.step({
        text: `${request} → ${status === 0 ? "no answer" : status}, ${milliseconds} ms`,
        health,
        detail: body,
      });
    }
  }

  private failed(error: unknown, phase: Incident["phase"]): void {
    this.ended("error");
    this.step({ text: (error as Error).message, health: "error" });
    this.update({ phase });
    if (!(error instanceof Refused)) throw error;
  }

  private step(step: Step): void {
    this.update({ steps: [...this.state.steps, step] });
  }

  /** Ends the last step, if it is under way. */
  private ended(health: Step["health"]): void {
    const last = this.state.steps.at(-1);
    if (last?.health === "busy") this.update({ steps: [...this.state.steps.slice(0, -1), { ...last, health }] });
  }

  private update(changed: Partial<Incident>): void {
    this.state = { ...this.state, ...changed };
    this.options.board.set("incident", this.state);
  }
}

function info({ how, id, story, title }: FaultInfo): FaultInfo {
  return { id, title, story, how };
}
