//! Speed of validation: `cargo bench -p pleach-kube --bench validate [-- FILE…]`.
//!
//! Without files, it validates generated Deployments, Services, Ingresses and HelmReleases. Prints megabytes of YAML per second with and
//! without parsing, from the median CPU time of several runs on one core.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench measures, prints and reads files"
)]
#![allow(missing_docs, reason = "a bench has no users")]

use std::hint::black_box;

use pleach_kube::validate::{Catalog, Encoding, Verdict};
use pleach_yaml::diag::Source;
use pleach_yaml::{Node, parse};
use rustix::time::{ClockId, clock_gettime};

/// The same allocator as in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const OBJECTS: usize = 10_000;
const RUNS: usize = 15;

fn main() {
    let files: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    let text = match files.is_empty() {
        true => (0..OBJECTS / 4).map(made).collect(),
        false => files
            .iter()
            .map(|it| std::fs::read_to_string(it).unwrap() + "\n---\n")
            .collect::<String>(),
    };
    let source = Source::internal("objects.yaml", text);
    let size = source.text.len();
    let objects: Vec<Node> = parse(&source)
        .unwrap()
        .into_iter()
        .filter(|it| !it.is_null())
        .collect();
    println!("{} objects, {:.1} MB", objects.len(), size as f64 / 1e6);
    let catalog = Catalog::new(Some(34));
    let refused = invalid_objects(&objects, &catalog);
    println!("{refused} refused");
    measure("validate", size, objects.len(), || {
        invalid_objects(&objects, &catalog)
    });
    measure("read and validate", size, objects.len(), || {
        invalid_objects(&parse(&source).unwrap(), &catalog)
    });
}

fn invalid_objects(objects: &[Node], catalog: &Catalog) -> usize {
    let is_refused = |it: &&Node| match catalog.validate(it, Encoding::Yaml) {
        Verdict::Checked(findings) => !findings.is_empty(),
        Verdict::UnknownKind => true,
    };
    objects.iter().filter(is_refused).count()
}

fn measure(name: &str, size: usize, objects: usize, mut run: impl FnMut() -> usize) {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = cpu_seconds();
            black_box(run());
            cpu_seconds() - start
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times[RUNS / 2];
    println!(
        "{name}: {:.0} MB/s, {:.0} objects/s",
        size as f64 / median / 1e6,
        objects as f64 / median
    );
}

/// The CPU time of this thread, on which other programs have little effect.
fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// The four objects of a typical application.
fn made(number: usize) -> String {
    TEMPLATE.replace("NAME", &format!("app-{number}"))
}

const TEMPLATE: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  namespace: apps
  labels:
    app.kubernetes.io/name: NAME
    app.kubernetes.io/managed-by: pleach
spec:
  replicas: 3
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels:
      app.kubernetes.io/name: NAME
  template:
    metadata:
      labels:
        app.kubernetes.io/name: NAME
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "8080"
    spec:
      serviceAccountName: NAME
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: main
          image: registry.example.org/apps/NAME:1.2.3
          imagePullPolicy: IfNotPresent
          ports:
            - name: http
              containerPort: 8080
          env:
            - name: LOG_LEVEL
              value: info
            - name: DATABASE_PASSWORD
              valueFrom:
                secretKeyRef:
                  name: NAME-database
                  key: password
          resources:
            requests:
              cpu: 100m
              memory: 128Mi
            limits:
              memory: 256Mi
          livenessProbe:
            httpGet:
              path: /healthz
              port: http
            periodSeconds: 10
          readinessProbe:
            httpGet:
              path: /readyz
              port: http
          volumeMounts:
            - name: config
              mountPath: /etc/app
              readOnly: true
      volumes:
        - name: config
          configMap:
            name: NAME
      affinity:
        podAntiAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
            - weight: 100
              podAffinityTerm:
                topologyKey: kubernetes.io/hostname
                labelSelector:
                  matchLabels:
                    app.kubernetes.io/name: NAME
---
apiVersion: v1
kind: Service
metadata:
  name: NAME
  namespace: apps
  labels:
    app.kubernetes.io/name: NAME
spec:
  selector:
    app.kubernetes.io/name: NAME
  ports:
    - name: http
      port: 80
      targetPort: http
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: NAME
  namespace: apps
  annotations:
    cert-manager.io/cluster-issuer: letsencrypt
spec:
  ingressClassName: nginx
  rules:
    - host: NAME.example.org
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: NAME
                port:
                  name: http
  tls:
    - hosts:
        - NAME.example.org
      secretName: NAME-tls
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: NAME
  namespace: apps
spec:
  interval: 10m
  chart:
    spec:
      chart: podinfo
      version: 6.5.4
      sourceRef:
        kind: HelmRepository
        name: podinfo
  install:
    remediation:
      retries: 3
  values:
    replicaCount: 2
    ui:
      message: hello
---
"#;
