import { useEffect, useRef, useState } from "preact/hooks";
import type { Part, System, Wire } from "../data.ts";
import { Card, Empty, Status } from "./elements.tsx";
import { Icon } from "./icons.tsx";
import { type Layout, layOut, shapeOf, wireId } from "./layout.ts";
import { useTopic } from "./connection.ts";

/** In a narrower frame, the parts are a list, in pixels. */
const NARROW = 560;

/** Left and right of the picture, together, in pixels. */
const MARGIN = 32;

/** The smallest scale at which the picture is still read. */
const SMALLEST = 0.58;

/** The width of an element, as it changes. */
function useWidth(): [(element: HTMLElement | null) => void, number] {
  const [element, setElement] = useState<HTMLElement | null>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!element) return undefined;
    const observer = new ResizeObserver(() => {
      setWidth(element.clientWidth);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
    };
  }, [element]);
  return [setElement, width];
}

function useLayout(system: System): Layout | undefined {
  const [layout, setLayout] = useState<Layout>();
  const shape = shapeOf(system);
  const newest = useRef("");
  useEffect(() => {
    newest.current = shape;
    void layOut(system).then((done) => {
      if (newest.current === shape) setLayout(done);
    });
  }, [shape]);
  return layout;
}

interface PictureProps {
  readonly system: System;
  readonly selected: string;
  readonly onSelect: (id: string) => void;
}

function Picture({ onSelect, selected, system }: PictureProps) {
  const [frame, width] = useWidth();
  const layout = useLayout(system);
  const scale = layout ? Math.max(SMALLEST, Math.min(1, (width - MARGIN) / layout.width)) : 1;
  if (width > 0 && width < NARROW) {
    return (
      <div class="listed" ref={frame}>
        <Nodes {...{ onSelect, selected, system }} />
      </div>
    );
  }
  return (
    <div class="picture" ref={frame} tabIndex={0} role="group" aria-label="Picture of the stack">
      {layout && width > 0 && (
        <div class="canvas" style={{ width: `${layout.width * scale}px`, height: `${layout.height * scale}px` }}>
          <div style={{ width: `${layout.width}px`, height: `${layout.height}px`, transform: `scale(${scale})` }}>
            <Nodes {...{ layout, onSelect, selected, system }} />
            <Lines {...{ layout, selected, system }} />
          </div>
        </div>
      )}
    </div>
  );
}

function Lines({ layout, selected, system }: Omit<PictureProps, "onSelect"> & { readonly layout: Layout }) {
  return (
    <svg class="wires" width={layout.width} height={layout.height} aria-hidden="true">
      <defs>
        {["ok", "idle", "error", "picked"].map((kind) => (
          <marker
            key={kind}
            id={`arrow-${kind}`}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto-start-reverse"
          >
            <path class={`arrow ${kind}`} d="M0 .5 7.500 4 0 7.500Z" />
          </marker>
        ))}
      </defs>
      {system.wires.map((wire) => {
        const line = layout.lines.get(wireId(wire));
        if (!line) return null;
        const isPicked = wire.from === selected || wire.to === selected;
        const kind = wire.health === "error" ? "error" : isPicked ? "picked" : wire.health === "idle" ? "idle" : "ok";
        return (
          <g key={wireId(wire)} class={`wire ${kind}`}>
            <path d={line.path} marker-end={`url(#arrow-${kind})`} />
            {line.label && (
              <text x={line.label.x + line.label.width / 2} y={line.label.y + 11}>
                {wire.label}
              </text>
            )}
          </g>
        );
      })}
    </svg>
  );
}

/** The parts, in their boxes, or one below the other without a layout. */
function Nodes({ layout, onSelect, selected, system }: PictureProps & { readonly layout?: Layout }) {
  return (
    <>
      {system.parts.map((part) => {
        const box = layout?.boxes.get(part.id);
        if (layout && !box) return null;
        const isGroup = layout !== undefined && system.parts.some(({ parent }) => parent === part.id);
        return (
          <button
            key={part.id}
            type="button"
            class={`node ${part.health} ${isGroup ? "group" : ""}`}
            aria-pressed={part.id === selected}
            style={box && { left: `${box.x}px`, top: `${box.y}px`, width: `${box.width}px`, height: `${box.height}px` }}
            onClick={() => {
              onSelect(part.id);
            }}
          >
            <Icon name={part.kind} />
            <span class="text">
              <span class="title">{part.title}</span>
              <span class="subtitle">{part.subtitle}</span>
              <Status health={part.health}>{part.says}</Status>
            </span>
          </button>
        );
      })}
    </>
  );
}

function Details({ part, system }: { readonly part: Part; readonly system: System }) {
  const titleOf = (id: string) => system.parts.find((each) => each.id === id)?.title ?? id;
  const wires = system.wires.filter(({ from, to }) => from === part.id || to === part.id);
  return (
    <Card title={part.title} class="details" aside={<Status health={part.health}>{part.says}</Status>}>
      <div class="facts">
        <dl>
          {part.details.map(([label, value]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value === "" ? "–" : value}</dd>
            </div>
          ))}
        </dl>
        {wires.length > 0 && (
          <div>
            <h3>Connections</h3>
            <ul class="connections">
              {wires.map((wire: Wire) => (
                <li key={wireId(wire)}>
                  <Status health={wire.health}>
                    {titleOf(wire.from)} → {titleOf(wire.to)}
                  </Status>
                  <p>{wire.says}</p>
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </Card>
  );
}

function Overview({ system }: { readonly system: System }) {
  const wrong = system.parts.filter(({ health }) => health === "error");
  const cut = system.wires.filter(({ health }) => health === "error");
  const isBusy = system.parts.some(({ health }) => health === "busy");
  if (wrong.length + cut.length === 0) {
    return isBusy ? <Status health="busy">changing</Status> : <Status health="ok">everything is in order</Status>;
  }
  const text = [
    ...(wrong.length > 0 ? [`${wrong.length} ${wrong.length === 1 ? "part" : "parts"}`] : []),
    ...(cut.length > 0 ? [`${cut.length} ${cut.length === 1 ? "connection" : "connections"}`] : []),
  ].join(" and ");
  return <Status health="error">{text} broken</Status>;
}

/** The picture of the stack, and the details of one part. */
export function SystemPage() {
  const system = useTopic("system");
  const [chosen, setChosen] = useState("");
  if (!system) return <Empty>Reading the stack …</Empty>;
  const part =
    system.parts.find(({ id }) => id === chosen) ??
    system.parts.find(({ health }) => health === "error") ??
    system.parts.find(({ id }) => id === "service");
  return (
    <div class="columns system">
      <Card title="The stack" aside={<Overview system={system} />}>
        <Picture system={system} selected={part?.id ?? ""} onSelect={setChosen} />
      </Card>
      {part && <Details part={part} system={system} />}
    </div>
  );
}
