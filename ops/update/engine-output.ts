import { CONSEQUENCE } from "../preview/model.ts";

/**
 * Prints the engine's output without what follows from an error: with a plan the engine reports each operation that the error
 * prevented, and its section "Diagnostics" repeats every error, which the caller reports itself. Warnings stay.
 * @param print Prints whole lines.
 * @returns Takes the output in parts of any size.
 */
export function withoutConsequences(print: (text: string) => void): (text: string) => void {
  /** Resources that failed only because another one did, such as `gcp:sql:User settlement-user`. */
  const prevented = new Set<string>();
  let rest = "";
  let inDiagnostics = false;
  let isShown = true;
  let header = "";

  /** The lines to print for a line of the section "Diagnostics". */
  const diagnostic = (line: string): string[] => {
    if (/^ {2}\S.*:$/.test(line)) {
      header = line;
      isShown = false;
      return [];
    }
    const severity = /^ {4}(\w+): /.exec(line)?.[1];
    if (severity === undefined) return isShown ? [line] : [];
    isShown = severity !== "error";
    if (!isShown) return [];
    const lines = header === "" ? [line] : [header, line];
    header = "";
    return lines;
  };

  const shown = (line: string): string[] => {
    if (/^\S/.test(line)) inDiagnostics = line === "Diagnostics:";
    if (inDiagnostics) return line === "Diagnostics:" ? [] : diagnostic(line);
    const [, resource = "", error] = /^ +(\S+ \S+) +error: (.*)/.exec(line) ?? [];
    if (error !== undefined && CONSEQUENCE.test(error)) {
      prevented.add(resource);
      return [];
    }
    const failed = /^ +(\S+ \S+) \*\*failed\*\* 1 error$/.exec(line)?.[1];
    return (failed !== undefined && prevented.has(failed)) || /^ +\d+ errored$/.test(line) ? [] : [line];
  };

  return (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    const printed = lines.flatMap(shown);
    if (printed.length > 0) print(`${printed.join("\n")}\n`);
  };
}
