// Command kyverno-oracle matches objects against patterns with Kyverno's own code, for tests that compare with it.
//
// It reads one `{"object": …, "pattern": …}` per line from standard input, and writes `"matches"`, `"skipped"` or `"differs"` for each.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"github.com/kyverno/kyverno/pkg/engine/validate"
	kubernetes "k8s.io/apimachinery/pkg/util/json"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		text, _ := json.Marshal(answer(lines.Bytes()))
		fmt.Fprintln(out, string(text))
	}
}

func answer(line []byte) (result string) {
	defer func() {
		if fault := recover(); fault != nil {
			result = fmt.Sprintf("panic: %v", fault)
		}
	}()
	// Kyverno reads numbers of objects and policies in this way.
	question := map[string]any{}
	if err := kubernetes.Unmarshal(line, &question); err != nil {
		return "unreadable: " + err.Error()
	}
	err := validate.MatchPattern(logr.Discard(), question["object"], question["pattern"])
	var fault *validate.PatternError
	switch {
	case err == nil:
		return "matches"
	case errors.As(err, &fault) && fault.Skip:
		return "skipped"
	default:
		return "differs"
	}
}
