{{/* The operator puts the name before its own twice (cluster and pool), and names of pods end at 63 characters. */}}
{{- define "kafka.fullname" -}}
{{- $name := .Values.fullnameOverride | default .Release.Name }}
{{- if gt (len $name) 24 }}
{{- fail (printf "the name %s has more than 24 characters, and the operator appends to it: give a shorter fullnameOverride" $name) }}
{{- end }}
{{- $name }}
{{- end }}

{{/* The operator passes labels on to its pods: one that changed with the chart's version would restart Kafka. */}}
{{- define "kafka.labels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: message-broker
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of what belongs to the cluster. */}}
{{- define "kafka.clusterLabels" -}}
strimzi.io/cluster: {{ include "kafka.fullname" . }}
{{ include "kafka.labels" . }}
{{- end }}

{{- define "kafka.protection" -}}
{{- if .Values.kafka.deletionProtection }}
argocd.argoproj.io/sync-options: Prune=false,Delete=false
helm.sh/resource-policy: keep
{{- end }}
{{- end }}

{{/* How often internal topics are copied: three times, or as often as there are brokers. */}}
{{- define "kafka.config" -}}
{{- $copies := min 3 (int .Values.kafka.replicas) }}
{{- $insync := max 1 (sub $copies 1) }}
{{- $config := dict
  "default.replication.factor" $copies
  "min.insync.replicas" $insync
  "offsets.topic.replication.factor" $copies
  "transaction.state.log.replication.factor" $copies
  "transaction.state.log.min.isr" $insync
  "share.coordinator.state.topic.replication.factor" $copies
  "share.coordinator.state.topic.min.isr" $insync }}
{{- mergeOverwrite $config .Values.kafka.config | toYaml }}
{{- end }}

{{/* A node pool's spec; the context is {"root": $, "name": …, "replicas": …, "roles": …, "resources": …, "storage": …}. */}}
{{- define "kafka.pool" -}}
{{- $pool := . }}
{{- with .root.Values.kafka }}
replicas: {{ int $pool.replicas }}
roles:
  {{- toYaml $pool.roles | nindent 2 }}
resources:
  {{- toYaml $pool.resources | nindent 2 }}
{{- with .jvmOptions }}
jvmOptions:
  {{- toYaml . | nindent 2 }}
{{- end }}
storage:
  type: jbod
  volumes:
  - id: 0
    type: persistent-claim
    size: {{ $pool.storage.size | quote }}
    {{- with $pool.storage.class | default .storage.class | default .storage.storageClass }}
    class: {{ . | quote }}
    {{- end }}
    deleteClaim: {{ .storage.deleteClaim }}
    kraftMetadata: shared
template:
  {{- with include "kafka.poolPod" $pool | trim }}
  pod:
    {{- . | nindent 4 }}
  {{- end }}
  kafkaContainer:
    securityContext:
      {{- toYaml .securityContext | nindent 6 }}
  initContainer:
    securityContext:
      {{- toYaml .securityContext | nindent 6 }}
{{- end }}
{{- end }}

{{/* The pod of one of the operator's helpers. */}}
{{- define "kafka.helperPod" -}}
{{- with .Values.kafka }}
{{- if or .imagePullSecrets .tolerations .priorityClassName }}
pod:
  {{- with .imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with .tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where a pool's pods go; the context is that of kafka.pool. */}}
{{- define "kafka.poolPod" -}}
{{- $pool := . }}
{{- with .root.Values.kafka }}
{{- with .imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .affinity }}
affinity:
  {{- toYaml .affinity | nindent 2 }}
{{- else if eq .podAntiAffinity "required" }}
affinity:
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          strimzi.io/pool-name: {{ $pool.name }}
{{- else if eq .podAntiAffinity "preferred" }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            strimzi.io/pool-name: {{ $pool.name }}
{{- end }}
{{- if .topologySpread.enabled }}
topologySpreadConstraints:
- maxSkew: 1
  topologyKey: topology.kubernetes.io/zone
  whenUnsatisfiable: {{ .topologySpread.whenUnsatisfiable }}
  labelSelector:
    matchLabels:
      strimzi.io/pool-name: {{ $pool.name }}
{{- end }}
{{- end }}
{{- end }}
