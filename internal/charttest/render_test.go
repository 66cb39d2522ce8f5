package charttest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// objects are what a chart or a base makes, by "Kind name".
type objects map[string]any

// find returns the only object of a type.
func find[T any](t *testing.T, all objects) *T {
	t.Helper()
	var found *T
	for name, o := range all {
		if typed, ok := o.(*T); ok {
			if found != nil {
				t.Fatalf("there are several like %s", name)
			}
			found = typed
		}
	}
	if found == nil {
		t.Fatalf("there is no %T among %v", found, slices.Sorted(maps.Keys(all)))
	}
	return found
}

// render renders the chart with values, as the release "orders". The error is that of the schema, or of a template.
func render(t *testing.T, values string) (objects, error) {
	t.Helper()
	chart, err := loader.Load("../../deploy/helm/jetcapture")
	if err != nil {
		t.Fatal(err)
	}
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	release := chartutil.ReleaseOptions{Name: "orders", Namespace: "nats", IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, given, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return nil, err
	}
	return decode(t, slices.Collect(maps.Values(files))), nil
}

// build builds the base.
func build(t *testing.T) objects {
	t.Helper()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../../deploy/kustomize")
	if err != nil {
		t.Fatal(err)
	}
	text, err := made.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, []string{string(text)})
}

// decode decodes strictly: a member that the type does not have is an error, and so is one that comes twice.
func decode(t *testing.T, files []string) objects {
	t.Helper()
	all := objects{}
	for _, file := range files {
		for text := range strings.SplitSeq("\n"+file, "\n---\n") {
			var head metav1.PartialObjectMetadata
			if err := yaml.Unmarshal([]byte(text), &head); err != nil {
				t.Fatalf("%v:\n%s", err, text)
			}
			if head.Kind == "" { // nothing but white space, or a comment
				continue
			}
			o, err := newObject(head.APIVersion, head.Kind)
			if err == nil {
				err = yaml.UnmarshalStrict([]byte(text), o)
			}
			name := head.Kind + " " + head.Name
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, text)
			}
			if all[name] != nil {
				t.Errorf("%s is there twice", name)
			}
			all[name] = o
		}
	}
	return all
}

func newObject(version, kind string) (any, error) {
	switch version + " " + kind {
	case "v1 ConfigMap":
		return &corev1.ConfigMap{}, nil
	case "v1 Service":
		return &corev1.Service{}, nil
	case "v1 ServiceAccount":
		return &corev1.ServiceAccount{}, nil
	case "apps/v1 Deployment":
		return &appsv1.Deployment{}, nil
	case "autoscaling/v2 HorizontalPodAutoscaler":
		return &autoscalingv2.HorizontalPodAutoscaler{}, nil
	case "batch/v1 Job":
		return &batchv1.Job{}, nil
	case "policy/v1 PodDisruptionBudget":
		return &policyv1.PodDisruptionBudget{}, nil
	case "networking.k8s.io/v1 NetworkPolicy":
		return &networkingv1.NetworkPolicy{}, nil
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return &monitoringv1.ServiceMonitor{}, nil
	case "monitoring.coreos.com/v1 PrometheusRule":
		return &monitoringv1.PrometheusRule{}, nil
	}
	return nil, fmt.Errorf("unexpected %s of %s", kind, version)
}
