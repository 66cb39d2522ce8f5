package charttest

import (
	"os"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

// TestChart: whatever is chosen, the chart makes valid objects that fit together.
func TestChart(t *testing.T) {
	for name, values := range map[string]string{
		"least": `config: {output: "s3://a/b?region=c", stream_name: ORDERS}`,
		"secrets, and an account of Google": `
config: {nats_creds: /etc/jetcapture/secrets/nats/nats.creds, stream_name: ORDERS, output: "gs://a/b"}
secretFiles: [nats, tls]
env: [{name: NATS_TOKEN, valueFrom: {secretKeyRef: {name: nats, key: token}}}]
envFrom: [{secretRef: {name: s3}}]
serviceAccount: {name: archiver, annotations: {iam.gke.io/gcp-service-account: a@project.iam.gserviceaccount.com}}
`,
		"several captures in a folder, and an account of Azure": `
config:
  output: /archive/orders
  captures: {orders: {stream_name: ORDERS}, jobs: {stream_name: JOBS, consumer_name: archive}}
persistence: {existingClaim: archive}
drainTimeoutSeconds: 120
gracePeriodMarginSeconds: 30
http: {port: 8080}
podLabels: {azure.workload.identity/use: "true"}
serviceAccount: {annotations: {azure.workload.identity/client-id: "1"}}
`,
		"all that can be set for the cluster": everything,
		"those of docs/INSTALL.md":            documented(t, "INSTALL.md"),
	} {
		t.Run(name, func(t *testing.T) {
			all, err := render(t, values)
			if err != nil {
				t.Fatal(err)
			}
			pod := checkPod(t, all)
			checkConfig(t, all, pod)
			service := find[corev1.Service](t, all)
			if !selects(service.Spec.Selector, find[appsv1.Deployment](t, all).Spec.Template.Labels) ||
				service.Spec.Ports[0].TargetPort.String() != pod.Containers[0].Ports[0].Name {
				t.Errorf("the service does not lead to the pod: %+v", service.Spec)
			}
		})
	}
}

// documented are the values that a file of docs installs the chart with.
func documented(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "--values - <<EOF\n")
	values, _, found := strings.Cut(rest, "EOF\n")
	if !found {
		t.Fatalf("docs/%s has no values", file)
	}
	return values
}

const everything = `
config: {output: "s3://a/b", stream_name: ORDERS}
image: {repository: example.com/jetcapture, tag: "1", pullPolicy: Always}
imagePullSecrets: [{name: registry}]
podAnnotations: {a: b}
serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::123456789012:role/archiver"}}
spool: {sizeLimit: 20Gi}
resources: {requests: {cpu: 1, memory: 1Gi}, limits: {memory: 1Gi}}
nodeSelector: {kubernetes.io/arch: arm64}
tolerations: [{key: a, operator: Exists, effect: NoSchedule}]
affinity: {nodeAffinity: {}}
serviceMonitor: {enabled: true, interval: 10s, labels: {release: prometheus}}
prometheusRule: {enabled: true, labels: {release: prometheus}}
networkPolicy:
  enabled: true
  metricsFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
  egress: [{to: [{podSelector: {matchLabels: {app: nats}}}], ports: [{port: 4222}]}]
`

// checkConfig: the pod reads the configuration file that the chart has made.
func checkConfig(t *testing.T, all objects, pod *corev1.PodSpec) {
	t.Helper()
	made := find[corev1.ConfigMap](t, all)
	var config map[string]any
	if err := yaml.UnmarshalStrict([]byte(made.Data["jetcapture.yaml"]), &config); err != nil || config["output"] == nil {
		t.Errorf("the configuration is %q: %v", made.Data, err)
	}
	c := &pod.Containers[0]
	for _, v := range pod.Volumes {
		if v.ConfigMap != nil && v.ConfigMap.Name == made.Name {
			for _, m := range c.VolumeMounts {
				if m.Name == v.Name && strings.HasPrefix(argument(c, "config"), m.MountPath) {
					return
				}
			}
		}
	}
	t.Errorf("--config=%s is not in ConfigMap %s", argument(c, "config"), made.Name)
}

// TestMonitoring: Prometheus finds the pod, its alerts are valid, and the policy is about the pod.
func TestMonitoring(t *testing.T) {
	all, err := render(t, everything)
	if err != nil {
		t.Fatal(err)
	}
	service, monitor := find[corev1.Service](t, all), find[monitoringv1.ServiceMonitor](t, all)
	if !selects(monitor.Spec.Selector.MatchLabels, service.Labels) ||
		monitor.Spec.Endpoints[0].Port != service.Spec.Ports[0].Name || monitor.Labels["release"] != "prometheus" {
		t.Errorf("the monitor does not find the service: %+v", monitor)
	}
	if service.Labels[monitor.Spec.JobLabel] != "jetcapture" {
		t.Errorf("the alerts look for job=\"jetcapture\", the service has the labels %v", service.Labels)
	}
	rules := find[monitoringv1.PrometheusRule](t, all)
	if len(rules.Spec.Groups) == 0 || len(rules.Spec.Groups[0].Rules) < 5 {
		t.Errorf("the alerts are %+v", rules.Spec)
	}
	policy := find[networkingv1.NetworkPolicy](t, all)
	pod := find[appsv1.Deployment](t, all).Spec.Template
	if !selects(policy.Spec.PodSelector.MatchLabels, pod.Labels) || len(policy.Spec.Egress) != 2 {
		t.Errorf("the policy is %+v", policy.Spec)
	}
	plain, err := render(t, `config: {output: x, stream_name: ORDERS}`)
	if err != nil || len(plain) != 4 {
		t.Errorf("without them there are %d objects: %v", len(plain), err)
	}
}

// TestWrongValues: the schema refuses them.
func TestWrongValues(t *testing.T) {
	for values, want := range map[string]string{
		``:                                                 "output",
		`config: {stream_name: ORDERS}`:                    "output",
		`config: {output: ""}`:                             "output",
		"config: {output: x, drain_timeout: 5s}":           "'not' failed", // the chart sets it
		"config: {output: x, http: ':1'}":                  "'not' failed",
		"config: {output: x}\nimagee: {}":                  "imagee",
		"config: {output: x}\nimage: {tagg: a}":            "tagg",
		"config: {output: x}\ndrainTimeoutSeconds: 25s":    "drainTimeoutSeconds",
		"config: {output: x}\ngracePeriodMarginSeconds: 1": "gracePeriodMarginSeconds",
		"config: {output: x}\nhttp: {port: 70000}":         "port",
		"config: {output: x}\nenv: [{value: a}]":           "name",
		"config: {output: x}\nsecretFiles: [{name: a}]":    "secretFiles",

		"config: {output: x, stream_name: A}\nfleet: {enabled: true}":                         "captures",
		"config: {output: x, captures: {a: {}}}\nfleet: {enabled: true, workers: 0}":          "workers",
		"config: {output: x, captures: {a: {}}, nats_token: a}\nfleet: {enabled: true}":       "'not' failed",
		"config: {output: x, captures: {a: {}}, nats_creds: '${A}'}\nfleet: {enabled: true}":  "'not' failed",
		"config: {output: x, captures: {a: {}}, standby: 10s}\nfleet: {enabled: true}":        "'not' failed",
		"config: {output: x, captures: {a: {}}}\nfleet: {autoscaling: {lagPerWorker: a lot}}": "lagPerWorker",
	} {
		if _, err := render(t, values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", values, err, want)
		}
	}
}

// TestBase: the base of kustomize makes the same pod.
func TestBase(t *testing.T) {
	all := build(t)
	checkConfig(t, all, checkPod(t, all))
	if len(all) != 3 {
		t.Errorf("%d objects", len(all))
	}
}
