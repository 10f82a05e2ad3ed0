import { chmodSync, existsSync, mkdtempSync, statfsSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCli } from "../ops/engine/cli.ts";
import { startProviders } from "../ops/engine/providers.ts";
import { ROOT } from "../ops/engine/stack-file.ts";
import { providerChoice } from "../ops/terminal/options.ts";
import { exceptLoopback } from "../ops/terminal/proxy.ts";

/**
 * Before all tests: hides the machine's credentials, installs the engine, and the official providers if they are chosen, so that
 * no end-to-end test waits for them, and turns off its garbage collection, which takes a twelfth of a preview.
 */
export default async function setUp(): Promise<void> {
  exceptLoopback();
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const command = await findCli(say);
  if (providerChoice() === "official") await startProviders(command, { say });
  process.env.NODE_COMPILE_CACHE ??= join(ROOT, "node_modules", ".cache", "node");
  process.env.GOGC ??= "off";
  process.env.GOMEMLIMIT ??= "768MiB";
  process.env.TMPDIR = temporaryFolder();
  hideCredentials(join(process.env.TMPDIR, "gcloud"));
}

/**
 * A test that forgets its own credentials would call Google with the machine's. Other settings of gcloud stay, such as its
 * certificates.
 * @param config The folder without credentials that gcloud and Google's libraries are led to.
 */
function hideCredentials(config: string): void {
  const secret = /^(GOOGLE_|GCLOUD_|CLOUDSDK_AUTH_)/;
  for (const name of Object.keys(process.env).filter((each) => secret.test(each)))
    Reflect.deleteProperty(process.env, name);
  process.env.CLOUDSDK_CONFIG = config;
  process.env.METADATA_SERVER_DETECTION = "none";
}

/** A folder for temporary files, which `global-teardown.ts` removes. Below it, Node.js finds the packages as in the project. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(memory() ?? tmpdir(), "settlement-tests-"));
  chmodSync(folder, 0o711); // lets a PostgreSQL that runs as the user nobody traverse it
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/**
 * Linux's in-memory file system, where creating a PostgreSQL cluster takes half the time: a file system without a journal looks at
 * each file that was deleted in the last minutes before it creates one.
 */
const MEMORY = "/dev/shm";

/** Free bytes required; the tests need a tenth. */
const ROOM = 4 * 2 ** 30;

/** The file system in memory; undefined without one, without enough space in it, or if the user chose another folder. */
function memory(): string | undefined {
  if (process.env.TMPDIR !== undefined || !existsSync(MEMORY)) return undefined;
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize < ROOM ? undefined : MEMORY;
}
