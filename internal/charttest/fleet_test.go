package charttest

import (
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

const captures = `
config:
  nats_server: tls://nats:4222
  nats_creds: /etc/jetcapture/secrets/nats/nats.creds
  log_level: warn
  output: s3://a/b
  captures: {orders: {stream_name: ORDERS}, jobs: {stream_name: JOBS}}
secretFiles: [nats]
env: [{name: AWS_SECRET_ACCESS_KEY, valueFrom: {secretKeyRef: {name: s3, key: secret}}}]
`

// allOfFleet is every value of a fleet.
var allOfFleet = strings.Replace(captures, "log_level: warn", `log_level: warn
  memory_limit: 1GiB
  spool_limit: 4GiB`, 1) + `
drainTimeoutSeconds: 60
fleet:
  enabled: true
  name: eu
  room: 50
  lease: 10s
  replicas: 3
  apply: {prune: true}
  autoscaling: {enabled: true, minWorkers: 3, maxWorkers: 20, lagPerWorker: 1000000}
`

// TestFleet: workers replace each other one by one, and a job gives them the captures.
func TestFleet(t *testing.T) {
	for name, values := range map[string]string{
		"least":          captures + "fleet: {enabled: true}",
		"all of a fleet": allOfFleet,
		"documented":     documented(t, "FLEET.md"),
	} {
		t.Run(name, func(t *testing.T) {
			all, err := render(t, values+"\nnetworkPolicy: {enabled: true}")
			if err != nil {
				t.Fatal(err)
			}
			checkWorkers(t, all)
			checkApply(t, all)
			workers := find[appsv1.Deployment](t, all).Spec.Template.Labels
			if !selects(find[corev1.Service](t, all).Spec.Selector, workers) {
				t.Error("the service does not lead to the workers")
			}
			budget := find[policyv1.PodDisruptionBudget](t, all)
			if !selects(budget.Spec.Selector.MatchLabels, workers) || budget.Spec.MaxUnavailable.IntValue() != 1 {
				t.Errorf("the budget is %+v", budget.Spec)
			}
		})
	}
}

// checkWorkers checks the deployment of the workers.
func checkWorkers(t *testing.T, all objects) {
	t.Helper()
	d := find[appsv1.Deployment](t, all)
	pod := &d.Spec.Template.Spec
	c := &pod.Containers[0]
	rolling := d.Spec.Strategy.RollingUpdate
	if rolling == nil || rolling.MaxUnavailable.IntValue() != 0 || rolling.MaxSurge.IntValue() != 1 {
		t.Errorf("a worker is not there before one goes: %+v", d.Spec.Strategy)
	}
	if !selects(d.Spec.Selector.MatchLabels, d.Spec.Template.Labels) || c.Args[0] != "worker" {
		t.Errorf("the deployment does not select its workers, %v, %v", d.Spec.Template.Labels, c.Args)
	}
	for name, want := range connection {
		if got := argument(c, name); got != want {
			t.Errorf("--%s=%s", name, got)
		}
	}
	tasks := configOf(t, all)
	drain, err := time.ParseDuration(tasks["drain_timeout"].(string))
	grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
	if err != nil || grace < drain+stopMargin {
		t.Errorf("the pod may live for %v, and its captures drain for %v: %v", grace, drain, err)
	}
	checkProbes(t, c)
	checkVolumes(t, pod, tasks["tmp_dir"].(string))
	checkRights(t, pod, c)
}

// connection is what workers and the job say about it.
var connection = map[string]string{
	"nats-server": "tls://nats:4222", "nats-creds": "/etc/jetcapture/secrets/nats/nats.creds",
}

// configOf is the configuration file that the chart makes.
func configOf(t *testing.T, all objects) (config map[string]any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(find[corev1.ConfigMap](t, all).Data["jetcapture.yaml"]), &config); err != nil {
		t.Fatal(err)
	}
	return config
}

// checkApply: the job makes the fleet and then applies the file, whose tasks have the connection of their worker. Its
// pod is no worker, and it reaches NATS.
func checkApply(t *testing.T, all objects) {
	t.Helper()
	template := find[batchv1.Job](t, all).Spec.Template
	pod := &template.Spec
	if len(pod.InitContainers) != 1 || !slices.Equal(pod.InitContainers[0].Args[:2], []string{"fleet", "init"}) ||
		!slices.Equal(pod.Containers[0].Args[:2], []string{"fleet", "apply"}) {
		t.Fatalf("the job runs %+v and %+v", pod.InitContainers, pod.Containers)
	}
	for _, c := range []*corev1.Container{&pod.InitContainers[0], &pod.Containers[0]} {
		checkRights(t, pod, c)
		for name, want := range connection {
			if got := argument(c, name); got != want {
				t.Errorf("%s: --%s=%s", c.Name, name, got)
			}
		}
	}
	checkVolumes(t, pod, "/tmp")
	file := argument(&pod.Containers[0], "file")
	isFile := func(m corev1.VolumeMount) bool { return m.MountPath == file }
	if !slices.ContainsFunc(pod.Containers[0].VolumeMounts, isFile) {
		t.Errorf("--file=%s is not mounted", file)
	}
	config := configOf(t, all)
	for _, key := range []string{"nats_server", "nats_creds", "log_level", "memory_limit", "spool_limit"} {
		if config[key] != nil {
			t.Errorf("the file has %s, which the workers have: %v", key, config)
		}
	}
	if config["captures"] == nil {
		t.Errorf("the file is %v", config)
	}
	workers := find[appsv1.Deployment](t, all).Spec
	if selects(workers.Selector.MatchLabels, template.Labels) {
		t.Error("the deployment selects the pod of the job")
	}
	policy, err := metav1.LabelSelectorAsSelector(&find[networkingv1.NetworkPolicy](t, all).Spec.PodSelector)
	if err != nil || !policy.Matches(labels.Set(template.Labels)) ||
		!policy.Matches(labels.Set(workers.Template.Labels)) {
		t.Errorf("the policy is for %v: %v", policy, err)
	}
}

// TestFleetChoices: each value comes to where it counts.
func TestFleetChoices(t *testing.T) {
	all, err := render(t, allOfFleet)
	if err != nil {
		t.Fatal(err)
	}
	d, job := find[appsv1.Deployment](t, all), find[batchv1.Job](t, all)
	initial, apply := &job.Spec.Template.Spec.InitContainers[0], &job.Spec.Template.Spec.Containers[0]
	worker := &d.Spec.Template.Spec.Containers[0]
	for _, of := range []struct {
		c          *corev1.Container
		name, want string
	}{
		{worker, "fleet", "eu"},
		{worker, "room", "50"},
		{worker, "log-level", "warn"},
		{worker, "memory-limit", "1GiB"},
		{worker, "spool-limit", "4GiB"},
		{initial, "fleet", "eu"},
		{initial, "lease", "10s"},
		{initial, "replicas", "3"},
		{apply, "fleet", "eu"},
	} {
		if got := argument(of.c, of.name); got != of.want || len(of.c.Env) != 1 {
			t.Errorf("%s: --%s=%s, the environment is %v", of.c.Name, of.name, got, of.c.Env)
		}
	}
	if !slices.Contains(apply.Args, "--prune") {
		t.Errorf("the captures are applied with %v", apply.Args)
	}
	scaler := find[autoscalingv2.HorizontalPodAutoscaler](t, all).Spec
	if d.Spec.Replicas != nil || scaler.ScaleTargetRef.Name != d.Name || *scaler.MinReplicas != 3 ||
		scaler.MaxReplicas != 20 || scaler.Metrics[0].Pods.Target.AverageValue.Value() != 1_000_000 {
		t.Errorf("the workers are scaled by %+v", scaler)
	}
	byHand, err := render(t, captures+"fleet: {enabled: true, workers: 7, apply: {enabled: false}}")
	if err != nil || len(byHand) != 5 || *find[appsv1.Deployment](t, byHand).Spec.Replicas != 7 {
		t.Errorf("without job and autoscaling there are %d objects: %v", len(byHand), err)
	}
}

// TestOtherCapturesAreAnotherJob: a job cannot be changed, and one that is as before does not run again.
func TestOtherCapturesAreAnotherJob(t *testing.T) {
	name := func(values string) string {
		all, err := render(t, values)
		if err != nil {
			t.Fatal(err)
		}
		return find[batchv1.Job](t, all).Name
	}
	was := name(allOfFleet)
	for old, changed := range map[string]string{
		"jobs:": "work:", "lease: 10s": "lease: 20s", "drainTimeoutSeconds: 60": "drainTimeoutSeconds: 61",
		"name: s3,": "name: s4,", "log_level: warn": "log_level: info\n  max_age: 1m",
	} {
		if name(strings.Replace(allOfFleet, old, changed, 1)) == was {
			t.Errorf("with %q it is the same job", changed)
		}
	}
	if name(strings.Replace(allOfFleet, "maxWorkers: 20", "maxWorkers: 21", 1)) != was {
		t.Error("another number of workers is another job")
	}
}
