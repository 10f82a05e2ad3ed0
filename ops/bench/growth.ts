import { join } from "node:path";
import { inTurns, memory, type Run, runChild, script, time } from "./child";
import { absolute, type Figure, type Measured, ratio } from "./figure";

/** Services in one stack, previewed offline: what each costs where there are many, against where there are few. */
export async function growth(say: (line: string) => void): Promise<Figure[]> {
  const services = (count: number) => () =>
    runChild(script(join(__dirname, "subjects", "growth.ts"), "preview", String(count)));
  const runs = await inTurns({ "1": services(1), "10": services(10), "100": services(100) }, say);
  const each = (count: "10" | "100", measure: (name: string, runs: readonly Run[]) => Measured | undefined) => {
    const measured = measure(`${count} services`, runs[count]);
    return measured && { ...measured, values: measured.values.map((value) => value / Number(count)) };
  };
  const compared = (what: string, measure: typeof memory) => {
    const [many, few] = [each("100", measure), each("10", measure)];
    return many && few ? [ratio(`growth, ${what} of each of 100 services against 10`, many, few, { most: 1.3 })] : [];
  };
  const most = memory("100 services", runs["100"]);
  return [
    absolute("growth, preview of 1 service", time("1 service", runs["1"])),
    absolute("growth, preview of 100 services", time("100 services", runs["100"])),
    ...compared("time", time),
    ...compared("memory", memory),
    ...(most ? [absolute("growth, memory of 100 services", most, { most: 2048 })] : []),
  ];
}
