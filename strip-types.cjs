// States of stacks from before the project ran on Node.js 24 name this file: the provider of their schema, whose text such a
// state keeps, loads it before the importer. Node.js strips the types by itself now, so there is nothing left to do here.
