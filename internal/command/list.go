package command

var listHandlers = handlers{}
