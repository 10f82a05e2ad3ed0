import { gcpTypes } from "./gcp/types.ts";
import { Provider } from "./provider.ts";
import { randomTypes } from "./random.ts";
import { serve, type Serving } from "./server.ts";

/**
 * Serves the stand-in providers for `gcp` and `random` on one port; `PULUMI_DEBUG_PROVIDERS=gcp:PORT,random:PORT` attaches
 * both to the engine.
 * @param env Where the endpoints, project, region and token come from unless the stack configures them; the names are in
 * `endpoints.ts`. Without endpoints there are previews only.
 * @throws Error where an endpoint is not on loopback.
 */
export function serveStandIns(env: NodeJS.ProcessEnv): Promise<Serving> {
  return serve(new Provider([...gcpTypes, ...randomTypes]), env);
}
