import { join } from "node:path";
import { parseArgs } from "node:util";
import { withCloud } from "./engine/cloud.ts";
import { locate } from "./engine/target.ts";
import { measure, type Target } from "./load/measure.ts";
import { COMMAND, ROLLED_BACK } from "./load/requests.ts";
import { connectionsNow, limitsOf } from "./load/limits.ts";
import { report } from "./load/report.ts";
import { invokerToken, liveService } from "./service/live.ts";
import { consent } from "./terminal/consent.ts";
import { stackName } from "./terminal/options.ts";
import { run } from "./terminal/run.ts";
import { UsageError, UserError } from "./terminal/user-error.ts";

const HELP = `npm run load -- --stack STACK [OPTIONS]

Finds where a stack's load ends: measures what one request costs, predicts from it how many the service answers a second, then
sends ever more at a time until no more are answered; says which resource gave out. On local, every request stores a settlement command,
and the client shares the machine with everything else. On any other stack, each stores one and rolls back, and opens a
connection of its own, so that the result is a lower bound; users notice the load, and it costs money. See docs/CAPACITY.md.

  --stack STACK  local, staging or prod
  --rate N       requests a second, at most; required on any other stack than local
  --json         machine-readable output
  --publish      with --stack local: measure several configurations on a stack of its own, and write the results into
                 docs/benchmarks and docs/CAPACITY.md; takes five minutes on a machine that should be idle
  --yes          do not ask for confirmation; required without a terminal on any other stack than local
  --help         this text
`;

const ROOT = join(import.meta.dirname, "..");

run(HELP, async () => {
  const { values } = parseArgs({
    options: {
      stack: { type: "string" },
      rate: { type: "string" },
      json: { type: "boolean" },
      publish: { type: "boolean" },
      yes: { type: "boolean" },
    },
  });
  const stack = stackName(values.stack);
  const rate = rateOf(values.rate);
  const isLocal = stack === "local";
  if (values.publish) {
    if (!isLocal || rate !== undefined) throw new UsageError("--publish needs --stack local, and no --rate.");
    const { publish } = await import("./load/publish.ts"); // lazily, since it needs the engine
    await publish(console.error);
    return;
  }
  if (!isLocal && rate === undefined) {
    throw new UsageError(`Add --rate N, the most requests a second that ${stack} may get.`);
  }
  const confirm = isLocal ? () => Promise.resolve(true) : consent(values.yes);
  await withCloud(stack, console.error, async () => {
    const { target, ...access } = locate({ stack }, ROOT);
    const place = { ...target, ...access };
    const service = await liveService(place);
    if (!service) {
      const first = isLocal ? " Deploy it first: npm start" : "";
      throw new UserError(`Service ${target.service} does not exist in ${target.project}, ${target.region}.${first}`);
    }
    const question = `Load ${target.service} of ${stack} with up to ${rate ?? 0} requests a second for a minute? They leave no rows.`;
    if (!(await confirm(question))) {
      console.error("Nothing was sent.");
      return;
    }
    const measured = await measure(
      {
        url: service.uri,
        token: await invokerToken(place, service.uri),
        request: isLocal ? COMMAND : ROLLED_BACK,
        limits: await limitsOf(place),
        isLocal,
        ...(rate !== undefined && { rate }),
        connections: () => connectionsNow(place),
      } satisfies Target,
      console.error,
    );
    process.stdout.write(values.json ? `${JSON.stringify({ stack, ...measured }, undefined, 2)}\n` : report(measured));
  });
});

/** @throws UsageError if it is not a positive whole number. */
function rateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageError(`--rate must be a positive whole number, not "${text}".`);
  return Number(text);
}
