package budget

import (
	"encoding/xml"
	"io"
	"strings"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string      `xml:"name,attr"`
	Class   string      `xml:"classname,attr"`
	Failure *junitText  `xml:"failure,omitempty"`
	Skipped *junitShort `xml:"skipped,omitempty"`
	Out     string      `xml:"system-out,omitempty"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitShort struct {
	Message string `xml:"message,attr"`
}

// WriteJUnit writes one test suite for each model and one test case for each row, as
// test reports of CI systems take them. Waived and inconclusive rows are skipped cases,
// warnings pass with their message as output.
func (r *Result) WriteJUnit(w io.Writer) error {
	all := junitSuites{Tests: len(r.Rows), Failures: r.Failed()}
	for i := range r.Rows {
		row := &r.Rows[i]
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != clean(row.Model) {
			all.Suites = append(all.Suites, junitSuite{Name: clean(row.Model)})
		}
		s := &all.Suites[len(all.Suites)-1]
		c := junitCase{Name: clean(row.subject() + " " + row.Rule), Class: clean(row.Model)}
		s.Tests++
		switch row.Verdict {
		case Fail:
			s.Failures++
			c.Failure = &junitText{clean(row.message()), "budget", clean(row.message())}
		case Waived, Inconclusive:
			s.Skipped++
			c.Skipped = &junitShort{clean(string(row.Verdict) + ": " + row.message())}
		default:
			c.Out = clean(row.message())
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// clean drops what XML cannot hold.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == '\uFFFE' || r == '\uFFFF' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
