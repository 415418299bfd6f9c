package command

var hashHandlers = handlers{}
