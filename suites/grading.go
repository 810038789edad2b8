package suites

import (
	"errors"

	"github.com/onsi/ginkgo/v2/types"

	"conform/suites/grade"
)

// Catalogue is what a rubric can ask for, selected as a run selects.
func Catalogue() grade.Catalogue {
	return grade.Catalogue{Protocols: Protocols(), Match: Match, Labels: func(expression string) (func([]string) bool, error) {
		filter, err := types.ParseLabelFilter(expression)
		if err != nil {
			return nil, errors.New(oneLine(err))
		}
		return filter, nil
	}}
}
