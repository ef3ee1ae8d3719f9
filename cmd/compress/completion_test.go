package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompletion asks for completions as the scripts do, and has the shells that are
// installed read the scripts.
func TestCompletion(t *testing.T) {
	defer func(args []string) { os.Args = args }(os.Args)
	for _, c := range []struct{ args, want string }{
		{"", "lowrank"}, {"budget", "check"}, {"lowrank --ke", "--keep"}, {"lowrank in.onnx --bud", "--budget"},
	} {
		line := append(strings.Fields(c.args), completeFlag)
		os.Args = append([]string{"compress"}, line...) // where the command line library looks for the word to complete
		code, stdout, stderr := compress(t, line...)
		if code != 0 || !strings.Contains(stdout, c.want) {
			t.Errorf("%q: exit code %d, no %s in %q %s", c.args, code, c.want, stdout, stderr)
		}
	}
	for shell, check := range map[string][]string{"bash": {"-n"}, "zsh": {"-n"}, "fish": {"--no-execute"}} {
		code, script, stderr := compress(t, "completion", shell)
		if code != 0 || !strings.Contains(script, "compress") {
			t.Fatalf("%s: exit code %d: %s", shell, code, stderr)
		}
		path := filepath.Join(t.TempDir(), "completion")
		writeText(t, path, script)
		if bin, err := exec.LookPath(shell); err != nil {
			t.Logf("no %s to read its script", shell)
		} else if msg, err := exec.Command(bin, append(check, path)...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", shell, err, msg)
		}
	}
	if code, _, _ := compress(t, "completion", "tcsh"); code != exitUsage {
		t.Errorf("an unknown shell: exit code %d", code)
	}
}

// TestBashCompletes runs the function of the script in bash, with the program in its path.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	dir := t.TempDir()
	writeText(t, filepath.Join(dir, "compress"), "#!/bin/sh\n[ \"$*\" = 'lowrank in.onnx --ke --generate-bash-completion' ] && echo --keep\n")
	_, script, _ := compress(t, "completion", "bash")
	writeText(t, filepath.Join(dir, "s"), script+"chmod +x "+dir+"/compress\nCOMP_WORDS=("+dir+"/compress lowrank in.onnx --ke) COMP_CWORD=3\n_compress\necho \"${COMPREPLY[@]}\"\n")
	out, err := exec.Command(bash, filepath.Join(dir, "s")).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "--keep" {
		t.Errorf("%v: %q", err, out)
	}
}
