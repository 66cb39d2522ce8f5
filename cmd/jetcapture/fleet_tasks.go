package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"
)

// taskSplitter makes tasks of a configuration file. A task is a configuration file of one capture: the options that
// are for all captures are in each. Nothing is expanded: ${NAME} is a variable of the worker's environment.
type taskSplitter struct {
	*configLoader
	leftOut []string // keys of options that are those of a process
}

// splitTasks makes tasks of the text of a configuration file. leftOut are the keys of options that a worker has for
// all of its captures.
func splitTasks(path string, b []byte) (tasks []fleet.Task, leftOut []string, problems []error) {
	document, err := oneDocument(b)
	if err != nil {
		return nil, nil, []error{fmt.Errorf("%s: %w", path, err)}
	}
	s := &taskSplitter{configLoader: &configLoader{path: path, options: runOptions()}}
	var shared, captures []*yaml.Node
	s.members(document.Content[0], func(key, v *yaml.Node) {
		switch {
		case key.Value == capturesKey:
			captures = append(captures, key, v)
		case s.belongs(key, v):
			shared = append(shared, plainNode(key), plainNode(v))
		}
	})
	if len(captures) == 0 && len(s.problems) == 0 {
		s.problem(1, "%s: is missing; each capture of a fleet has a name, below that", capturesKey)
	}
	if len(captures) > 0 {
		s.members(captures[1], func(name, v *yaml.Node) {
			var own []*yaml.Node
			s.members(v, func(key, v *yaml.Node) {
				if s.belongs(key, v) {
					own = append(own, plainNode(key), plainNode(v))
				}
			})
			tasks = append(tasks, s.task(name.Value, name.Line, shared, own))
		})
	}
	return tasks, s.leftOut, s.problems
}

// belongs reports whether an option is part of a task. It notes what is wrong with it.
func (s *taskSplitter) belongs(key, v *yaml.Node) bool {
	o, isFile, found := s.options.ofKey(key.Value)
	if found && o.process {
		s.leftOut = append(s.leftOut, key.Value)
		return false
	}
	if found && o.envOnly && !isFile && o.name != "nats-user" && !strings.Contains(v.Value, "${") {
		s.problem(v.Line, "%s: a secret would lie in the stream of the fleet; write %s, or ${NAME}, a variable of the "+
			"workers' environment", key.Value, key.Value+secretSuffix)
	}
	if found && hasSecretURL(o, v) {
		s.problem(v.Line, "%s: a secret in its URL would lie in the stream of the fleet; write ${NAME} for it, a variable "+
			"of the workers' environment", key.Value)
	}
	return true // what is wrong with the key is said when the task is read
}

// task is a task with its own options, and those shared ones that it does not have itself.
func (s *taskSplitter) task(name string, line int, shared, own []*yaml.Node) fleet.Task {
	options := slices.Clone(own)
	for i := 0; i+1 < len(shared); i += 2 {
		same := func(n *yaml.Node) bool { return n.Value == shared[i].Value }
		if !slices.ContainsFunc(keysOf(own), same) {
			options = append(options, shared[i], shared[i+1])
		}
	}
	body, err := yaml.Marshal(mapping(scalarNode(capturesKey), mapping(scalarNode(name), mapping(options...))))
	if err != nil {
		s.problems = append(s.problems, fmt.Errorf("%s: capture %s: %w", s.path, name, err))
	}
	if isPatternUnit(name) {
		s.problem(line, "%s: a name that begins with %q is that of a pattern's task; give the capture another name", name,
			patternPrefix)
	}
	if hasPattern(options) {
		name = patternUnitName(name)
	}
	return fleet.Task{Name: name, Body: body}
}

// keysOf are the keys of a mapping's content.
func keysOf(content []*yaml.Node) (keys []*yaml.Node) {
	for i := 0; i+1 < len(content); i += 2 {
		keys = append(keys, content[i])
	}
	return keys
}

func mapping(content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: content}
}

func scalarNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

// plainNode is a copy of a node without comments and aliases: the same options give the same text.
func plainNode(n *yaml.Node) *yaml.Node {
	n = follow(n)
	plain := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value}
	for _, one := range n.Content {
		plain.Content = append(plain.Content, plainNode(one))
	}
	return plain
}

// taskSettings reads a task. What it does not say about the connection is said by nats, that of the worker: either all
// of it, or nothing. Its error is a *usageError with every problem.
func taskSettings(t fleet.Task, nats *connection, getenv func(string) string) (*settings, error) {
	file, problems := parseConfig("task "+t.Name, t.Body, true, getenv, readAgain)
	if len(problems) > 0 {
		return nil, &usageError{dedupe(problems)}
	}
	all, problems := file.settings()
	switch {
	case len(all) == 1 && all[0].isPattern() && !isPatternUnit(t.Name):
		return nil, &usageError{[]error{fmt.Errorf("task %s: the value of a variable makes it a pattern of streams: write "+
			"the pattern into the file itself", t.Name)}}
	case len(all) != 1 || all[0].unit() != t.Name:
		return nil, &usageError{[]error{fmt.Errorf("task %s: it is to have one capture, of its own name", t.Name)}}
	}
	s := all[0]
	ofConnection := s.nats.options()
	own := slices.ContainsFunc(ofConnection, func(o option) bool { return s.origins[o.name] != byDefault })
	if !own {
		s.nats = *nats
	}
	none := pflag.NewFlagSet("", pflag.ContinueOnError)
	for _, o := range s.options.all() {
		if !o.process && !slices.ContainsFunc(ofConnection, func(c option) bool { return c.name == o.name }) {
			problems = append(problems, s.takeOne(o, none, getenv)...)
		}
	}
	if problems = append(problems, s.named(s.check())...); len(problems) > 0 {
		return nil, &usageError{dedupe(problems)}
	}
	return s, nil
}

// checkTask reads a task as a worker does, as far as this machine can. missing are variables that the environment here
// does not have: then there may be no settings, and nothing is wrong.
func checkTask(
	t fleet.Task, nats *connection, getenv func(string) string,
) (capture *settings, missing []string, err error) {
	capture, err = taskSettings(t, nats, func(name string) string {
		v := getenv(name)
		if v == "" && strings.Contains(string(t.Body), "${"+name+"}") && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
		return v
	})
	if len(missing) > 0 {
		err = nil
	}
	return capture, missing, err
}
