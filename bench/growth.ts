import { inTurns, memory, type Run, runChild, subject, time } from "./child.ts";
import { absolute, type Figure, type Measured, ratio } from "./figure.ts";

type Say = (line: string) => void;

const services = (way: "preview" | "up", count: number) => () => runChild(subject("growth.ts", way, String(count)));

/** Services in one stack: what each costs where there are many, against where there are few. */
export async function growth(say: Say): Promise<Figure[]> {
  return [...(await previewed(say)), ...(await made(say))];
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

/** A hundred services take minutes to make, so there are fewer turns. */
async function made(say: Say): Promise<Figure[]> {
  const side = (count: number) => services("up", count);
  const runs = await inTurns({ "10 made": side(10), "100 made": side(100) }, say, { turns: 2, warmUp: false });
  return [
    absolute("growth, up of 100 services", time("100 services", runs["100 made"])),
    ...compared("growth, up", runs["100 made"], runs["10 made"]),
  ];
}

function compared(name: string, many: readonly Run[], few: readonly Run[]): Figure[] {
  const figure = (what: string, measure: typeof memory) => {
    const each = (count: number, runs: readonly Run[]): Measured[] => {
      const measured = measure(`${count} services`, runs);
      return measured ? [{ ...measured, values: measured.values.map((value) => value / count) }] : [];
    };
    const [[one], [other]] = [each(100, many), each(10, few)];
    return one && other ? [ratio(`${name}, ${what} of each of 100 against 10`, one, other, { most: 1.3 })] : [];
  };
  return [...figure("time", time), ...figure("memory", memory)];
}
