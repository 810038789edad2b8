package report

// Update is for the tests outside of the package, which run suites.
var Update = update
