import { inTurns, memory, type Run, runChild, subject, time, timeAndMemory } from "./child.ts";
import { absolute, type Figure } from "./figure.ts";

type Say = (line: string) => void;

const services = (way: "preview" | "up", count: number) => () => runChild(subject("growth.ts", way, String(count)));

/** The cost of each service in a stack with many services, compared with few. */
export async function growth(say: Say): Promise<Figure[]> {
  return [...(await previewed(say)), ...(await created(say))];
}

async function previewed(say: Say): Promise<Figure[]> {
  const side = (count: number) => services("preview", count);
  const runs = await inTurns({ "1": side(1), "10": side(10), "100": side(100) }, say);
  const most = memory("100 services", runs["100"]);
  return [
    absolute("growth, preview of 1 service", time("1 service", runs["1"])),
    absolute("growth, preview of 100 services", time("100 services", runs["100"])),
    ...compared("growth, preview", runs["100"], runs["10"]),
    ...(most ? [absolute("growth, preview of 100 services, memory", most, { most: 2048 })] : []),
  ];
}

/** Fewer turns, because creating 100 services takes minutes. */
async function created(say: Say): Promise<Figure[]> {
  const side = (count: number) => services("up", count);
  const runs = await inTurns({ "10 created": side(10), "100 created": side(100) }, say, { turns: 2, warmUp: false });
  return [
    absolute("growth, up of 100 services", time("100 services", runs["100 created"])),
    ...compared("growth, up", runs["100 created"], runs["10 created"]),
  ];
}

function compared(name: string, many: readonly Run[], few: readonly Run[]): Figure[] {
  const each = (count: number, runs: readonly Run[]) =>
    runs.map((run) => ({ ...run, seconds: run.seconds / count, mebibytes: run.mebibytes && run.mebibytes / count }));
  const figure = (measure: string) => `${name}, ${measure} of each of 100 against 10`;
  return timeAndMemory(figure, ["100 services", each(100, many)], ["10 services", each(10, few)], 1.3);
}
