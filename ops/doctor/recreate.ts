import { command } from "../terminal/command.ts";

/** Puts back what was removed or changed manually in a stack's database. */
export function recreate(stack: string): string {
  return command("npm", "run", "migration", "--", "recreate", `--stack=${stack}`);
}
