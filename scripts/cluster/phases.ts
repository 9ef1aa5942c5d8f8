/** When a pod reached what, from Kubernetes' own times, in seconds after it was created. */
export interface PodPhases {
  readonly name: string;
  readonly phases: readonly { readonly phase: string; readonly seconds: number }[];
}

const conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"];

/** Of `kubectl get pods -o json`: the youngest pod. Times have no fractions of a second there. */
export function podPhases(json: string): PodPhases | undefined {
  const { items = [] } = JSON.parse(json);
  const [pod] = items.toSorted((a: Pod, b: Pod) => createdMs(b) - createdMs(a));
  if (pod === undefined) return undefined;
  const own: readonly Condition[] = pod.status?.conditions ?? [];
  const phases = conditions.flatMap((type) => {
    const found = own.find((one) => one.type === type && one.status === "True");
    if (found === undefined) return [];
    const seconds = (Date.parse(found.lastTransitionTime) - createdMs(pod)) / 1_000;
    return [{ phase: type, seconds }];
  });
  return { name: pod.metadata.name, phases };
}

interface Pod {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly lastTransitionTime: string;
}

function createdMs({ metadata }: Pod): number {
  return Date.parse(metadata.creationTimestamp);
}
