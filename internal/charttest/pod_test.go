package charttest

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// stopMargin is what the pod needs beyond the drain timeout, to write the end of its log.
const stopMargin = 10 * time.Second

// checkPod checks that the parts of a deployment fit together, whatever the values were.
func checkPod(t *testing.T, all objects) *corev1.PodSpec {
	t.Helper()
	d := find[appsv1.Deployment](t, all)
	pod := &d.Spec.Template.Spec
	if *d.Spec.Replicas != 1 || d.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType {
		t.Errorf("two pods at once would read the stream twice: %+v", d.Spec)
	}
	if !selects(d.Spec.Selector.MatchLabels, d.Spec.Template.Labels) {
		t.Errorf("the deployment does not select its pod, %v", d.Spec.Template.Labels)
	}
	if len(pod.Containers) != 1 {
		t.Fatalf("%d containers", len(pod.Containers))
	}
	c := &pod.Containers[0]
	grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
	drain, err := time.ParseDuration(argument(c, "drain-timeout"))
	if err != nil || grace < drain+stopMargin {
		t.Errorf("the pod may live for %v, and drains for %v: %v", grace, drain, err)
	}
	checkProbes(t, c)
	checkVolumes(t, pod, argument(c, "tmp-dir"))
	checkRights(t, pod, c)
	if account := find[corev1.ServiceAccount](t, all); pod.ServiceAccountName != account.Name {
		t.Errorf("the pod is of %s, the account is %s", pod.ServiceAccountName, account.Name)
	}
	return pod
}

// argument is the value of --name=value.
func argument(c *corev1.Container, name string) string {
	for _, a := range c.Args {
		if value, ok := strings.CutPrefix(a, "--"+name+"="); ok {
			return value
		}
	}
	return ""
}

func selects(selector, of map[string]string) bool {
	return len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(of))
}

// checkProbes: each asks its path at the port of --http, and a start has time for a cut that a crash has interrupted.
func checkProbes(t *testing.T, c *corev1.Container) {
	t.Helper()
	_, port, _ := strings.Cut(argument(c, "http"), ":")
	if len(c.Ports) != 1 || strconv.Itoa(int(c.Ports[0].ContainerPort)) != port {
		t.Fatalf("--http is at %q, the ports are %v", port, c.Ports)
	}
	for path, probe := range map[string]*corev1.Probe{
		"/startupz": c.StartupProbe, "/livez": c.LivenessProbe, "/readyz": c.ReadinessProbe,
	} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path ||
			probe.HTTPGet.Port.String() != c.Ports[0].Name {
			t.Errorf("the probe of %s is %+v", path, probe)
		}
	}
	const start = 5 * time.Minute
	if s := c.StartupProbe; time.Duration(s.PeriodSeconds*s.FailureThreshold)*time.Second < start {
		t.Errorf("a start has %d times %d s", s.FailureThreshold, s.PeriodSeconds)
	}
}

// checkVolumes: what is mounted is there, and the other way round. Nothing else can be written to than spool.
func checkVolumes(t *testing.T, pod *corev1.PodSpec, spool string) {
	t.Helper()
	mounted, writable := map[string]bool{}, false
	for _, c := range append(slices.Clone(pod.InitContainers), pod.Containers...) {
		for _, m := range c.VolumeMounts {
			mounted[m.Name] = true
			writable = writable || m.MountPath == spool
		}
	}
	for _, v := range pod.Volumes {
		if !mounted[v.Name] {
			t.Errorf("volume %s is not mounted", v.Name)
		}
		delete(mounted, v.Name)
	}
	if len(mounted) > 0 {
		t.Errorf("there are no volumes %v", mounted)
	}
	if !writable {
		t.Errorf("%q for open files is not on a volume", spool)
	}
}

// checkRights: the pod fits the level "restricted" of the Pod Security Standards.
func checkRights(t *testing.T, pod *corev1.PodSpec, container *corev1.Container) {
	t.Helper()
	p, c := pod.SecurityContext, container.SecurityContext
	if !*p.RunAsNonRoot || *p.RunAsUser != 65532 || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault ||
		*c.AllowPrivilegeEscalation || !*c.ReadOnlyRootFilesystem || len(c.Capabilities.Drop) != 1 ||
		c.Capabilities.Drop[0] != "ALL" {
		t.Errorf("the pod has more rights than it needs: %+v, %+v", p, c)
	}
}
