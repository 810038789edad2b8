package serve

func systemRunner(name string) func(*Server) {
	if name == "epoll" {
		return epoll
	}
	return unixRunner(name)
}
