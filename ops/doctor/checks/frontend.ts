import { certificateName, FRONTEND } from "../../../infra/names.ts";
import { command } from "../../terminal/command.ts";
import { type Check, finding, ok } from "../check.ts";

export const frontend: Check = {
  id: "frontend",
  title: "Load balancer",
  causes: ["apis"],
  look: async (facts) => {
    const { declared, stack = "" } = facts.target;
    if (!declared?.frontend) return ok("none");
    const { domain, region, underway } = declared.frontend;
    const name = certificateName(domain);
    const describe = facts.gcloud("compute", "ssl-certificates", "describe", name, "--global");
    const restore = underway ? command("npm", "run", "failover", "--", `--stack=${stack}`) : facts.deploy(describe);
    const [rule, certificate, backend] = await Promise.all([
      facts.balancerPart(`forwardingRules/${FRONTEND}`),
      facts.balancerPart(`sslCertificates/${name}`),
      facts.balancerPart(`backendServices/${FRONTEND}`),
    ]);
    const missing = [
      ...(rule ? [] : [`the forwarding rule ${FRONTEND}`]),
      ...(certificate ? [] : [`the certificate ${name}`]),
      ...(backend ? [] : [`the backend service ${FRONTEND}`]),
    ];
    if (missing.length > 0) return finding(`missing: ${missing.join(", ")}`, restore);

    const { domainStatus = {}, status = "without a status" } = certificate?.managed ?? {};
    if (status !== "ACTIVE") {
      const state = `the certificate is ${status}, and its domain ${domain} ${domainStatus[domain] ?? "too"}`;
      return finding(`${state}; let an A record lead to ${rule?.IPAddress ?? "its address"}`, describe);
    }
    const regions = (backend?.backends ?? []).map(({ group = "" }) => /\/regions\/([^/]+)\//.exec(group)?.[1] ?? group);
    if (regions.join() === region) return ok(`${domain} leads to ${region}`);
    const where = regions.length === 0 ? "to no region" : `to ${regions.join(" and ")}`;
    return finding(`${domain} leads ${where}, and the primary is in ${region}`, restore);
  },
};
