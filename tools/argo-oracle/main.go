// Command argo-oracle generates the Applications of ApplicationSets with Argo CD's own controller.
//
// Each line of standard input is a JSON object: `set` (an ApplicationSet), `files` (the content of each file of the repository by path)
// and `secrets` (the cluster Secrets). Each line of standard output is the result for one line: `applications` or `error`.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/argoproj/argo-cd/v3/applicationset/controllers/template"
	"github.com/argoproj/argo-cd/v3/applicationset/generators"
	"github.com/argoproj/argo-cd/v3/applicationset/utils"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

const namespace = "argocd"

type question struct {
	Application *v1alpha1.Application   `json:"application"`
	Set         v1alpha1.ApplicationSet `json:"set"`
	Files       map[string]string       `json:"files"`
	Secrets     []corev1.Secret         `json:"secrets"`
}

type answer struct {
	Applications []v1alpha1.Application `json:"applications"`
	Objects      []json.RawMessage      `json:"objects,omitempty"`
	Error        string                 `json:"error,omitempty"`
}

// repository is a Git work tree, read like in the repository server.
type workTree struct{ root string }

func (r workTree) GetFiles(_ context.Context, _, _, _, pattern string, _, _ bool) (map[string][]byte, error) {
	list := exec.Command("git", "ls-files", "--full-name", "-z", "--", pattern)
	list.Dir = r.root
	out, err := list.Output()
	if err != nil {
		return nil, err
	}
	found := map[string][]byte{}
	for _, name := range strings.Split(string(out), "\x00") {
		if name == "" {
			continue
		}
		if found[name], err = os.ReadFile(filepath.Join(r.root, name)); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (r workTree) GetDirectories(_ context.Context, _, _, _ string, _, _ bool) ([]string, error) {
	var found []string
	err := filepath.WalkDir(r.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if path != r.root && strings.HasPrefix(entry.Name(), ".") {
			return filepath.SkipDir
		}
		relative, err := filepath.Rel(r.root, path)
		if err == nil && relative != "." {
			found = append(found, relative)
		}
		return err
	})
	return found, err
}

// repositories contains a work tree for each set of files.
type repositories struct {
	folder string
	known  map[string]workTree
	count  int
}

func (all *repositories) forget(files map[string]string) {
	if key, err := json.Marshal(files); err == nil {
		delete(all.known, string(key))
	}
}

func (all *repositories) of(files map[string]string) (workTree, error) {
	key, err := json.Marshal(files)
	if err != nil {
		return workTree{}, err
	}
	if known, ok := all.known[string(key)]; ok {
		return known, nil
	}
	all.count++
	made := workTree{root: filepath.Join(all.folder, fmt.Sprint(all.count))}
	for name, text := range files {
		path := filepath.Join(made.root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return made, err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return made, err
		}
	}
	for _, arguments := range [][]string{{"init", "--quiet"}, {"add", "--all", "--force"}} {
		command := exec.Command("git", arguments...)
		command.Dir = made.root
		if err := os.MkdirAll(made.root, 0o755); err != nil {
			return made, err
		}
		if err := command.Run(); err != nil {
			return made, err
		}
	}
	all.known[string(key)] = made
	return made, nil
}

func (all *repositories) answer(line []byte) (result answer) {
	defer func() {
		if reason := recover(); reason != nil {
			result = answer{Error: fmt.Sprintf("panic: %v", reason)}
		}
	}()
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error()}
	}
	files, err := all.of(asked.Files)
	if err != nil {
		return answer{Error: err.Error()}
	}
	if asked.Application != nil {
		// Rendering changes the files.
		all.forget(asked.Files)
		defer os.RemoveAll(files.root)
		objects, err := files.manifests(asked.Application)
		if err != nil {
			return answer{Error: err.Error()}
		}
		return answer{Objects: objects}
	}
	scheme := runtime.NewScheme()
	_ = v1alpha1.AddToScheme(scheme)
	_ = corev1.AddToScheme(scheme)
	project := &v1alpha1.AppProject{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: namespace}}
	objects := []client.Object{project}
	var secrets []runtime.Object
	for at := range asked.Secrets {
		objects = append(objects, &asked.Secrets[at])
		secrets = append(secrets, &asked.Secrets[at])
	}
	cluster := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	clientset := kubefake.NewSimpleClientset(secrets...)
	all_generators := generators.GetGenerators(context.Background(), cluster, clientset, namespace, files, nil, generators.SCMConfig{})
	entry := log.NewEntry(log.StandardLogger())
	made, _, err := template.GenerateApplications(entry, asked.Set, all_generators, &utils.Render{}, cluster)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Applications: made}
}

func main() {
	log.SetOutput(io.Discard)
	folder, err := os.MkdirTemp("", "application-sets")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	all := repositories{folder: folder, known: map[string]workTree{}}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		text, err := json.Marshal(all.answer(in.Bytes()))
		if err != nil {
			text, _ = json.Marshal(answer{Error: err.Error()})
		}
		fmt.Fprintf(out, "%s\n", text)
	}
}
