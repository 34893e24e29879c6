/** Why a command could not do what it was asked for; the message is for the one who called it. */
export class Failed extends Error {}
