package command

var commandHandlers = handlers{}
