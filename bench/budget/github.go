package budget

import (
	"fmt"
	"io"
	"strings"
)

// WriteGitHub writes a workflow command for every row that is not within its budget:
// an annotation on the line of the budget file.
func (r *Result) WriteGitHub(w io.Writer) error {
	level := map[Verdict]string{Fail: "error", Warn: "warning", Waived: "notice", Inconclusive: "notice"}
	for i := range r.Rows {
		row := &r.Rows[i]
		if level[row.Verdict] == "" {
			continue
		}
		_, err := fmt.Fprintf(w, "::%s file=%s,line=%d,title=%s::%s\n", level[row.Verdict], property(r.Budget), row.Line,
			property("model budget: "+string(row.Verdict)), data(row.message()))
		if err != nil {
			return err
		}
	}
	return nil
}

// data escapes the message of a workflow command, property what stands before it.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(data(s))
}
