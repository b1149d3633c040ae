{{- define "backdesk.name" -}}
{{- if contains .Chart.Name .Release.Name -}}{{ .Release.Name | trunc 30 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 30 | trimSuffix "-" }}{{- end -}}
{{- end }}

{{- define "backdesk.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "backdesk.labels" -}}
{{ include "backdesk.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "backdesk.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}{{ .Values.serviceAccount.name | default (include "backdesk.name" .) }}
{{- else -}}{{ .Values.serviceAccount.name | default "default" }}{{- end -}}
{{- end }}

{{/* A pod template: root, part, args, grace (seconds), resources, container (what else it has), env (what else). */}}
{{- define "backdesk.pod" -}}
{{- $values := .root.Values -}}
metadata:
  labels:
    {{- include "backdesk.labels" . | nindent 4 }}
    {{- with omit $values.podLabels "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart" }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/config: {{ toJson $values.config | sha256sum }}
    {{- with omit $values.podAnnotations "checksum/config" }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "backdesk.serviceAccount" .root }}
  automountServiceAccountToken: false
  # A service named like a setting, such as backdesk-gateway, would overwrite it (BACKDESK_GATEWAY_PORT=tcp://...).
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .grace }}
  {{- with $values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | quote }}
    {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: {{ .name }}
      image: {{ printf "%s:%s" $values.image.repository ($values.image.tag | default .root.Chart.AppVersion) | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: {{ toJson .args }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      env:
        - name: BACKDESK_REDIS_URL
          {{- if $values.redis.existingSecret }}
          valueFrom:
            secretKeyRef: {name: {{ $values.redis.existingSecret | quote }}, key: {{ $values.redis.key | quote }}}
          {{- else }}
          value: {{ $values.redis.url | quote }}
          {{- end }}
        - {name: BACKDESK_DATA_DIR, value: /data}
        - {name: BACKDESK_LOG_FORMAT, value: json}
        {{- if not (or $values.data.existingClaim (hasKey $values.config "BACKDESK_BLOBS_URL")) }}
        # Pods share no folder.
        - {name: BACKDESK_BLOBS_URL, value: "off"}
        {{- end }}
        {{- with .env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- with $values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      envFrom:
        - configMapRef: {name: {{ include "backdesk.name" .root }}}
        {{- range $values.secrets }}
        - secretRef: {name: {{ . | quote }}}
        {{- end }}
      {{- toYaml .container | nindent 6 }}
      resources: {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
        - {name: data, mountPath: /data}
        {{- with $values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: {{ $values.data.sizeLimit }}}
    - name: data
      {{- if $values.data.existingClaim }}
      persistentVolumeClaim: {claimName: {{ $values.data.existingClaim | quote }}}
      {{- else }}
      emptyDir: {sizeLimit: {{ $values.data.sizeLimit }}}
      {{- end }}
    {{- with $values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- range $key := list "nodeSelector" "affinity" "tolerations" "topologySpreadConstraints" }}
  {{- with get $values $key }}
  {{ $key }}: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end }}

{{/* An HPA for a Deployment: root, part, target, hpa. */}}
{{- define "backdesk.hpa" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .target }}
  labels: {{- include "backdesk.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .target }}}
  minReplicas: {{ .hpa.minReplicas }}
  maxReplicas: {{ .hpa.maxReplicas }}
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: {{ .hpa.cpuPercent }}}}
{{- end }}

{{- define "backdesk.pdb" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .target }}
  labels: {{- include "backdesk.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .root.Values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels: {{- include "backdesk.selector" . | nindent 6 }}
{{- end }}
