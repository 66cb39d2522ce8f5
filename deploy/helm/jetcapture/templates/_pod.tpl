{{- /* What all pods have. */ -}}
{{- define "jetcapture.pod" -}}
serviceAccountName: {{ include "jetcapture.serviceAccount" . }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* What all containers have. */ -}}
{{- define "jetcapture.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.env }}
env: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.envFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
resources: {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* What a container has that serves --http. */ -}}
{{- define "jetcapture.probes" -}}
ports:
  - {name: http, containerPort: {{ .Values.http.port }}}
startupProbe:
  httpGet: {path: /startupz, port: http}
  {{- toYaml .Values.startupProbe | nindent 2 }}
livenessProbe:
  httpGet: {path: /livez, port: http}
  {{- toYaml .Values.livenessProbe | nindent 2 }}
readinessProbe:
  httpGet: {path: /readyz, port: http}
  {{- toYaml .Values.readinessProbe | nindent 2 }}
{{- end }}

{{- define "jetcapture.mounts" -}}
- {name: spool, mountPath: /tmp}
{{- if .Values.persistence.existingClaim }}
- {name: archive, mountPath: {{ .Values.persistence.mountPath }}}
{{- end }}
{{- range $i, $name := .Values.secretFiles }}
- {name: secret-{{ $i }}, mountPath: /etc/jetcapture/secrets/{{ $name }}, readOnly: true}
{{- end }}
{{- end }}

{{- define "jetcapture.configMount" -}}
- {name: config, mountPath: /etc/jetcapture/jetcapture.yaml, subPath: jetcapture.yaml, readOnly: true}
{{- end }}

{{- define "jetcapture.volumes" -}}
- name: spool
  emptyDir: {sizeLimit: {{ .Values.spool.sizeLimit }}}
{{- if .Values.persistence.existingClaim }}
- name: archive
  persistentVolumeClaim: {claimName: {{ .Values.persistence.existingClaim }}}
{{- end }}
{{- range $i, $name := .Values.secretFiles }}
- name: secret-{{ $i }}
  secret: {secretName: {{ $name }}, defaultMode: 0440}
{{- end }}
{{- end }}

{{- define "jetcapture.configVolume" -}}
- name: config
  configMap: {name: {{ include "jetcapture.name" . }}}
{{- end }}
