import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Health } from "../data.ts";
import { DoctorPage } from "./doctor.tsx";
import { Status } from "./elements.tsx";
import { Icon, type IconName } from "./icons.tsx";
import { IncidentPage } from "./incident.tsx";
import { RequestsPage } from "./requests.tsx";
import { SchemaPage } from "./schema.tsx";
import { follow, type Link, useLink, useTopic } from "./connection.ts";
import { SystemPage } from "./system.tsx";

const PAGES = {
  system: { title: "System", view: SystemPage },
  requests: { title: "Requests", view: RequestsPage },
  schema: { title: "Schema", view: SchemaPage },
  doctor: { title: "Doctor", view: DoctorPage },
  incident: { title: "Incident", view: IncidentPage },
} as const;

type PageName = keyof typeof PAGES;

const NAMES = Object.keys(PAGES) as PageName[];

/** The page in the address, such as `#/doctor`. */
function current(): PageName {
  return NAMES.find((name) => location.hash === `#/${name}`) ?? "system";
}

function usePage(): PageName {
  const [page, setPage] = useState(current);
  useEffect(() => {
    const listener = () => {
      setPage(current());
    };
    addEventListener("hashchange", listener);
    return () => {
      removeEventListener("hashchange", listener);
    };
  }, []);
  return page;
}

const LINKS: Readonly<Record<Link, readonly [Health, string]>> = {
  connecting: ["busy", "connecting"],
  connected: ["ok", "live"],
  lost: ["error", "not connected"],
  refused: ["error", "no access"],
};

function Navigation({ page }: { readonly page: PageName }) {
  const findings = (useTopic("doctor")?.rows ?? []).filter(({ verdict }) => verdict === "finding").length;
  return (
    <nav aria-label="Pages">
      {NAMES.map((name) => (
        <a key={name} href={`#/${name}`} aria-current={name === page ? "page" : undefined}>
          <Icon name={name satisfies IconName} />
          <span>{PAGES[name].title}</span>
          {name === "doctor" && findings > 0 && (
            <span class="count" aria-label={`${findings} findings`}>
              {findings}
            </span>
          )}
        </a>
      ))}
    </nav>
  );
}

function App() {
  const page = usePage();
  const link = useLink();
  const stack = useTopic("stack");
  const [health, says] = LINKS[link];
  const { title, view: View } = PAGES[page];
  useEffect(() => {
    document.title = `${title} · Settlement console`;
  }, [title]);
  return (
    <>
      <header class="top">
        <span class="brand">
          <img src="/icon.svg" alt="" width="22" height="22" />
          Settlement <span class="muted">console</span>
        </span>
        {stack && (
          <span class="where">
            stack <b>{stack.name}</b>
            <span class="wide">
              {" "}
              · {stack.project} · {stack.region}
            </span>
          </span>
        )}
        <span class="link" role="status">
          <Status health={health}>{says}</Status>
        </span>
      </header>
      <Navigation page={page} />
      <main>
        <h1>{title}</h1>
        {link === "refused" ? (
          <p class="problem" role="alert">
            This tab has no token. Open the address that the terminal prints, or that <code>npm run console</code>{" "}
            prints.
          </p>
        ) : (
          <View />
        )}
      </main>
    </>
  );
}

render(<App />, document.body);
void follow();
