import { gcpTypes } from "./gcp/types.ts";
import { Provider } from "./provider.ts";
import { randomTypes } from "./random.ts";
import { serve, type Serving } from "./server.ts";

/**
 * Serves both stand-in providers on one port; `PULUMI_DEBUG_PROVIDERS=gcp:PORT,random:PORT` attaches them to the engine.
 * @param env Environment variables of `endpoints.ts`; the stack's configuration takes precedence. Without endpoints, only
 * previews work.
 * @throws Error if an endpoint is not on loopback.
 */
export function serveStandIns(env: NodeJS.ProcessEnv): Promise<Serving> {
  return serve(new Provider([...gcpTypes, ...randomTypes]), env);
}
