/** Jest reporter that lists the ten slowest files of a run, each with its slowest test. */
export default class Slowest {
  onRunComplete(_contexts, { testResults }) {
    const slow = testResults
      .map(({ perfStats, testFilePath, testResults: tests }) => {
        const [slowest] = [...tests].sort((a, b) => (b.duration ?? 0) - (a.duration ?? 0));
        const name = slowest && `${seconds(slowest.duration ?? 0)} of them: ${slowest.title}`;
        return { took: perfStats.end - perfStats.start, name, path: testFilePath.slice(process.cwd().length + 1) };
      })
      .sort((a, b) => b.took - a.took)
      .slice(0, 10);
    console.log(
      ["", "The ten slowest files:", ...slow.map((one) => `${seconds(one.took)}  ${one.path}, ${one.name}`)].join("\n"),
    );
  }
}

function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1).padStart(6)} s`;
}
