import { join } from "node:path";
import { parseArgs } from "node:util";
import { withCloud } from "./engine/cloud.ts";
import { locate } from "./engine/target.ts";
import { stackName } from "./terminal/options.ts";
import { invokerToken, liveService } from "./service/live.ts";
import { run } from "./terminal/run.ts";
import { smokeTest } from "./service/smoke.ts";
import { UserError } from "./terminal/user-error.ts";

const HELP = `npm run smoke-test -- --stack STACK

Tests the settlement service as a client: its health, and a settlement command that it stores, reads back and rolls back.
npm run up does the same with each new revision before it gets traffic.

  --stack STACK  local, staging or prod
  --help         this text
`;

const ROOT = join(import.meta.dirname, "..");

run(HELP, async () => {
  const { values } = parseArgs({ options: { stack: { type: "string" } } });
  const stack = stackName(values.stack);
  await withCloud(stack, console.error, async () => {
    const { target, ...access } = locate({ stack }, ROOT);
    const place = { ...target, ...access };
    const service = await liveService(place);
    if (!service)
      throw new UserError(`Service ${target.service} does not exist in ${target.project}, ${target.region}.`);
    await smokeTest(service.uri, await invokerToken(place, service.uri), console.error);
    console.log(`${target.service} accepts settlement commands: ${service.uri}`);
  });
});
