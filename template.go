package cookiesession

// FuncMap returns the functions that html/template and text/template need for
// s: {{session "key"}} is [Session.Value], {{flash "key"}} the same for flash
// alone. The names are bound to one visitor, so parse with FuncMap(nil) and
// bind each request to a clone of its own:
//
//	var pages = template.Must(template.New("").Funcs(cookiesession.FuncMap(nil)).ParseFS(files, "*.html"))
//	…
//	page := template.Must(pages.Clone()).Funcs(cookiesession.FuncMap(s))
//
// The methods of a Session work in templates as they are: pass it as data,
// {{.Session.Value "key"}}, and nothing needs to be cloned.
//
// With nil the functions return nil.
func FuncMap(s *Session) map[string]any {
	if s == nil {
		none := func(string) any { return nil }
		return map[string]any{"session": none, "flash": none}
	}
	return map[string]any{"session": s.Value, "flash": s.flashValue}
}

// flashValue is Value for flash alone.
func (s *Session) flashValue(key string) any {
	s.enter()
	raw, ok := s.readFlash(key)
	s.exit()
	if !ok {
		return nil
	}
	return decodeValue(raw)
}
