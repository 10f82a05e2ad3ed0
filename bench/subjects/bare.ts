import fastify from "fastify";

// Serves answers from memory, given as JSON by path. Prints its address as a line of JSON, and exits when stdin closes.
async function main(): Promise<void> {
  const app = fastify();
  const answers = JSON.parse(process.argv[2] ?? "{}") as Record<string, object>;
  for (const [path, answer] of Object.entries(answers)) app.get(path, () => answer);
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  process.stdout.write(`${JSON.stringify({ url })}\n`);
  process.stdin.resume().once("end", () => void app.close());
}

void main();
