"""Random kustomizations about identities: names, namespaces and kinds that change, references to them, and targets that select them."""

import random

KINDS = {
    "ConfigMap": "v1", "Secret": "v1", "Service": "v1", "ServiceAccount": "v1", "Deployment": "apps/v1", "StatefulSet": "apps/v1",
    "Job": "batch/v1", "Role": "rbac.authorization.k8s.io/v1", "ClusterRole": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1", "ClusterRoleBinding": "rbac.authorization.k8s.io/v1", "Ingress": "networking.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2", "PersistentVolumeClaim": "v1", "Namespace": "v1", "Thing": "example.com/v1",
}
NAMES = ["a", "b", "ab", "a-b"]
SPACES = ["default", "shop", "front"]


class Identities:
    """One random chain of kustomizations, as a map of files."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.known = []
        self.configured = False

    def one(self, items):
        return self.random.choice(items)

    def chance(self, share):
        return self.random.random() < share

    def name(self):
        """The name of an object that exists, or another."""
        return self.one(self.known)[1] if self.known and self.chance(0.8) else self.one(NAMES)

    def object(self, kind, name, space):
        text = f"apiVersion: {KINDS[kind]}\nkind: {kind}\nmetadata:\n  name: {name}\n"
        if space:
            text += f"  namespace: {space}\n"
        if self.chance(0.3):
            text += f"  labels: {{app: {self.one('xy')}}}\n"
        if self.chance(0.2):
            text += f"  annotations: {{app: {self.one('xy')}}}\n"
        return text + getattr(self, kind.lower(), self.plain)()

    def plain(self):
        return ""

    def configmap(self):
        return f"data: {{k: {self.name()}}}\n"

    def pods(self):
        name = self.name
        parts = [f"serviceAccountName: {name()}", f"volumes: [{{name: v, configMap: {{name: {name()}}}}}, {{name: w, secret: {{secretName: {name()}}}}}]",
                 f"imagePullSecrets: [{{name: {name()}}}]"]
        parts = [it for it in parts if self.chance(0.5)]
        variables = f"{{name: A, valueFrom: {{{self.one(['configMapKeyRef', 'secretKeyRef'])}: {{name: {name()}, key: k}}}}}}"
        source = f"{{{self.one(['configMapRef', 'secretRef'])}: {{name: {name()}}}}}"
        parts.append(f"containers: [{{name: c, image: 'app:1', env: [{variables}], envFrom: [{source}]}}]")
        return f"template: {{metadata: {{labels: {{app: x}}}}, spec: {{{', '.join(parts)}}}}}"

    def deployment(self):
        return f"spec: {{selector: {{matchLabels: {{app: x}}}}, {self.pods()}}}\n"

    def job(self):
        return f"spec: {{{self.pods()}}}\n"

    def statefulset(self):
        return f"spec: {{serviceName: {self.name()}, selector: {{matchLabels: {{app: x}}}}, {self.pods()}}}\n"

    def service(self):
        return "spec: {selector: {app: x}, ports: [{port: 80}]}\n"

    def binding(self, kind):
        subjects = [f"{{kind: ServiceAccount, name: {self.name()}{self.one(['', ', namespace: shop', ', namespace: default'])}}}" for _ in range(self.random.randint(0, 2))]
        return f"roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {self.name()}}}\nsubjects: [{', '.join(subjects)}]\n"

    def rolebinding(self):
        return self.binding(self.one(["Role", "ClusterRole"]))

    def clusterrolebinding(self):
        return self.binding("ClusterRole")

    def role(self):
        return f"rules: [{{apiGroups: [''], resources: [configmaps], resourceNames: [{self.name()}], verbs: [get]}}]\n"

    clusterrole = role

    def ingress(self):
        return f"spec: {{rules: [{{http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {self.name()}, port: {{number: 80}}}}}}}}]}}}}]}}\n"

    def horizontalpodautoscaler(self):
        kind = self.one(["Deployment", "StatefulSet"])
        return f"spec: {{maxReplicas: 2, scaleTargetRef: {{apiVersion: apps/v1, kind: {kind}, name: {self.name()}}}}}\n"

    def thing(self):
        return f"spec: {{ref: {{name: {self.name()}, kind: ConfigMap}}, text: {self.name()}}}\n"

    def objects(self, count):
        found = []
        for _ in range(count):
            kind, name = self.one(list(KINDS)), self.one(NAMES)
            space = self.one(SPACES) if self.chance(0.25) else ""
            if any(it[:2] == (kind, name) for it in self.known) and self.chance(0.9):
                continue
            self.known.append((kind, name, space))
            found.append((kind, name, space))
        return "---\n".join(self.object(*it) for it in found)

    def target(self):
        kind, name, space = self.one(self.known)
        fields = []
        if self.chance(0.7):
            fields.append(f"kind: {self.one([kind, kind, kind, kind[:3] + '.*', '.*'])}")
        if self.chance(0.5):
            fields.append(f"name: {self.one([name, name, name[0] + '.*', '.*' + name, name + '|b', 'p-' + name])}")
        if space and self.chance(0.3):
            fields.append(f"namespace: {space}")
        if self.chance(0.1):
            fields.append(self.one(["labelSelector: app=x", "annotationSelector: app", f"version: {KINDS[kind].split('/')[-1]}", "group: apps"]))
        return ", ".join(fields) or f"kind: {kind}"

    def patch(self):
        kind, name, space = self.one(self.known)
        style = self.random.randint(0, 7)
        target = f"  target: {{{self.target()}}}\n"
        if style < 3:
            path, value = self.one([("/metadata/name", self.one(NAMES)), ("/metadata/name", "new"), ("/metadata/namespace", self.one(SPACES)), ("/kind", self.one(["ConfigMap", "Thing"]))])
            return f"- patch: '[{{\"op\": \"add\", \"path\": \"{path}\", \"value\": \"{value}\"}}]'\n{target}"
        header = f"    apiVersion: {KINDS[kind]}\n    kind: {kind}\n"
        if style < 5:
            options = self.one(["", "", "  options: {allowNameChange: true}\n", "  options: {allowKindChange: true}\n"])
            return f"- patch: |\n{header}    metadata: {{name: {self.one([name, 'new'])}, labels: {{p: q}}}}\n{target}{options}"
        if style < 6:
            return f"- patch: |\n{header}    metadata: {{name: {name}}}\n    $patch: delete\n{self.one([target, ''])}"
        where = f", namespace: {space}" if space else self.one(["", "", "", "", "", ", namespace: shop"])
        return f"- patch: |\n{header}    metadata: {{name: {self.one([name] * 12 + ['p-' + name])}{where}, annotations: {{p: q}}}}\n"

    def generators(self, level):
        text = ""
        for kind in ["configMapGenerator", "secretGenerator"]:
            if self.chance(0.25):
                text += f"{kind}:\n- name: {self.name() if self.chance(0.3) else level}\n  literals: [k={self.one('12')}]\n"
                if self.chance(0.15):
                    text += f"  behavior: {self.one(['merge', 'replace', 'create'])}\n"
                if self.chance(0.3):
                    text += f"  namespace: {self.one(SPACES)}\n"
                if self.chance(0.2):
                    text += "  options: {disableNameSuffixHash: true}\n"
                self.known.append(("ConfigMap" if kind.startswith("c") else "Secret", text.split("name: ")[1].split()[0], ""))
        return text

    def options(self):
        text = ""
        if self.chance(0.15):
            text += f"commonLabels: {{l: {self.one('vw')}}}\n"
        if self.chance(0.15):
            pairs = f"pairs: {{{self.one(['l', 'm'])}: {self.one('vw')}}}"
            text += f"labels: [{{{pairs}, {self.one(['includeSelectors: true', 'includeTemplates: true', 'includeSelectors: false'])}}}]\n"
        if self.chance(0.1):
            text += f"commonAnnotations: {{note: {self.one('vw')}}}\n"
        if self.chance(0.1):
            text += f"sortOptions: {{order: {self.one(['legacy', 'fifo'])}}}\n"
        if self.chance(0.1):
            text += f"buildMetadata: [{self.one(['originAnnotations', 'transformerAnnotations', 'managedByLabel'])}]\n"
        if self.chance(0.15):
            self.configured = True
            text += "configurations: [config.yaml]\n"
        return text

    def configuration(self):
        """Fields of the Thing as references and names, and other fields for prefixes and labels."""
        parts = [
            "nameReference:\n- {kind: ConfigMap, version: v1, fieldSpecs: [{kind: Thing, path: spec/ref/name}]}\n",
            f"nameReference:\n- {{kind: {self.one(['ConfigMap', 'Secret', 'Service'])}, fieldSpecs: [{{kind: Thing, path: spec/text}}]}}\n",
            "namePrefix:\n- {kind: Thing, path: spec/text}\n",
            "namespace:\n- {kind: Thing, path: spec/space, create: true}\n",
            "commonLabels:\n- {kind: Thing, path: spec/labels, create: true}\n",
        ]
        return self.one(parts)

    def replacements(self):
        if not self.chance(0.25):
            return ""
        kind, name, _ = self.one(self.known)
        source = f"kind: {kind}, name: {name}" if self.chance(0.8) else f"name: {name}"
        reject = f"\n    reject: [{{{self.target()}}}]" if self.chance(0.2) else ""
        path = self.one(["metadata.annotations.r", "metadata.labels.r", "spec.text", "metadata.name"])
        return (f"replacements:\n- source: {{{source}, fieldPath: {self.one(['metadata.name', 'kind', 'metadata.namespace'])}}}\n"
                f"  targets:\n  - select: {{{self.target()}}}{reject}\n    fieldPaths: [{path}]\n    options: {{create: true}}\n")

    def level(self, name, resources, component=None):
        text = f"resources: [{', '.join(resources)}]\n" if resources else ""
        for field, values in [("namePrefix", ["p-", "q-"]), ("nameSuffix", ["-s", "-t"]), ("namespace", SPACES)]:
            if self.chance(0.3):
                text += f"{field}: {self.one(values)}\n"
        text += self.generators(name) + self.options()
        if component:
            text += f"components: [{component}]\n"
        patches = "".join(self.patch() for _ in range(self.random.randint(0, 3)))
        return text + (f"patches:\n{patches}" if patches else "") + self.replacements()

    def add_level(self, files, name, resources):
        component = None
        if self.chance(0.2):
            component = f"../part-{name}"
            part = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
            extra = []
            if self.chance(0.3):
                files[f"part-{name}/all.yaml"] = self.objects(2) or self.object("Thing", f"of-{name}", "")
                extra = ["all.yaml"]
            self.add(files, f"part-{name}", part, extra)
        self.add(files, name, "", resources, component)

    def add(self, files, name, head, resources, component=None):
        self.configured = False
        files[f"{name}/kustomization.yaml"] = head + self.level(name, resources, component)
        if self.configured:
            files[f"{name}/config.yaml"] = self.configuration()

    def make(self):
        files = {"base/all.yaml": self.objects(self.random.randint(2, 6))}
        self.add_level(files, "base", ["all.yaml"])
        inner = ["../base"]
        if self.chance(0.4):
            self.add_level(files, "mid", ["../base"])
            inner = ["../mid"]
        if self.chance(0.3):
            files["other/all.yaml"] = self.objects(self.random.randint(1, 3)) or self.object("Thing", "other", "")
            self.add_level(files, "other", ["all.yaml"])
            inner.append("../other")
        self.add_level(files, "over", inner)
        return files
