package command

var setHandlers = handlers{}
