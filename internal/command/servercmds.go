package command

var serverHandlers = handlers{}
