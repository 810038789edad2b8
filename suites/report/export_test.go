package report

// Browser and Update are for the tests outside of the package, which run suites.
var (
	Browser = browser
	Update  = update
)
