; The screen on a terminal: while there is no display, what INT 10h writes also goes to COM1, and
; what is typed there arrives as keystrokes. Text written like on a teletype stays plain text;
; cursor jumps and colours become ANSI sequences. It ends when a program takes the port for itself.

MIRROR_MCR      equ 0x08        ; OUT2 alone: no program that uses the port leaves this value

; CF set unless the terminal is ours. Keeps all registers.
mirror_ready:
        cmp byte [cs:mirror], 1
        jb .no
        push ax
        push dx
        mov dx, 0x3fc
        in al, dx
        cmp al, MIRROR_MCR
        je .yes
        mov byte [cs:mirror], 0
        stc
.yes:   pop dx
        pop ax
.no:    ret

; Sends AL. Keeps all registers.
mirror_byte:
        push ax
        push cx
        push dx
        mov ah, al
        mov dx, 0x3fd
        xor cx, cx
.wait:  in al, dx
        test al, 0x20
        loopz .wait
        mov al, ah
        mov dl, 0xf8
        out dx, al
        pop dx
        pop cx
        pop ax
        ret

; Sends AL in decimal.
mirror_number:
        push ax
        aam
        test ah, ah
        jz .ones
        xchg al, ah
        add al, '0'
        call mirror_byte
        xchg al, ah
.ones:  add al, '0'
        call mirror_byte
        pop ax
        ret

; ESC [
mirror_escape:
        mov al, 27
        call mirror_byte
        mov al, '['
        jmp mirror_byte

; The screen was cleared: the cursor is in the corner, but plain text just continues.
mirror_clear:
        call mirror_ready
        jc .done
        push ax
        cmp byte [cs:mirror_column], 0
        je .home
        mov al, 13
        call mirror_byte
        mov al, 10
        call mirror_byte
.home:  mov word [cs:mirror_row], 0
        mov byte [cs:mirror_fresh], 1
        pop ax
.done:  ret

; Brings the terminal's cursor to row DH, column DL. Changes AX.
mirror_goto:
        mov ah, [cs:mirror_row]
        mov al, [cs:mirror_column]
        cmp ax, dx
        je .done
        cmp dl, 0
        jne .jump
        cmp dh, ah              ; the start of this line or one below
        jb .jump
        mov al, 13
        call mirror_byte
.lines: cmp ah, dh
        je .there
        mov al, 10
        call mirror_byte
        inc ah
        jmp short .lines
.jump:  cmp byte [cs:mirror_fresh], 0
        je .move
        call mirror_escape
        mov al, '2'
        call mirror_byte
        mov al, 'J'
        call mirror_byte
        mov byte [cs:mirror_fresh], 0
.move:  call mirror_escape
        mov al, dh
        inc al
        call mirror_number
        mov al, ';'
        call mirror_byte
        mov al, dl
        inc al
        call mirror_number
        mov al, 'H'
        call mirror_byte
.there: mov [cs:mirror_row], dh
        mov [cs:mirror_column], dl
.done:  ret

; Gives the terminal the colours of attribute BL. Changes AX.
mirror_colours:
        cmp bl, [cs:mirror_attr]
        je .done
        mov [cs:mirror_attr], bl
        call mirror_escape
        mov al, '0'
        call mirror_byte
        cmp bl, 7
        je .end
        test bl, 8
        jz .ink
        mov al, ';'
        call mirror_byte
        mov al, '1'
        call mirror_byte
.ink:   mov ah, bl
        mov al, '3'
        call .part
        mov ah, bl
        shr ah, 4
        mov al, '4'
        call .part
.end:   mov al, 'm'
        call mirror_byte
.done:  ret
.part:  push ax
        mov al, ';'
        call mirror_byte
        pop ax
        call mirror_byte
        push bx
        movzx bx, ah
        and bl, 7
        mov al, [cs:.ansi + bx]
        pop bx
        jmp mirror_byte
.ansi:  db '04261537'

; AL in attribute mirror_want comes to row DH, column DL of page BH.
mirror_teletype:
        call mirror_ready
        jc .out
        cmp bh, [BDA_PAGE]
        jne .out
        pusha
        cmp al, 7
        je .control
        cmp al, 8
        je .back
        cmp al, 10
        je .feed
        cmp al, 13
        je .return
        call mirror_cell
        jmp short .done
.back:  test dl, dl
        jz .done
        push ax
        call mirror_goto
        pop ax
        dec byte [cs:mirror_column]
        jmp short .control
.return:
        cmp dh, [cs:mirror_row]
        jne .done               ; the next character's jump will do it
        mov byte [cs:mirror_column], 0
        jmp short .control
.feed:  push ax
        call mirror_goto
        pop ax
        cmp dh, [BDA_ROWS]
        jae .control            ; the terminal scrolls like the screen
        inc byte [cs:mirror_row]
.control:
        call mirror_byte
.done:  popa
.out:   ret

; One character AL at row DH, column DL.
mirror_cell:
        mov bl, [cs:mirror_want]
        push ax
        call mirror_goto
        call mirror_colours
        pop ax
        call mirror_ascii
        call mirror_byte
        mov al, [cs:mirror_column]
        inc al
        cmp al, [BDA_COLUMNS]
        jb .column
        mov al, 13
        call mirror_byte
        mov al, 10
        call mirror_byte
        mov al, [BDA_ROWS]
        cmp [cs:mirror_row], al
        jae .scrolled
        inc byte [cs:mirror_row]
.scrolled:
        xor al, al
.column:
        mov [cs:mirror_column], al
        ret

; AH=09h, 0Ah: AL comes CX times from row DH, column DL of page BH, with attribute BL if AH=9.
mirror_cells:
        call mirror_ready
        jc .out
        cmp bh, [BDA_PAGE]
        jne .out
        pusha
        cmp ah, 9
        je .colour
        mov bl, 7
.colour:
        mov [cs:mirror_want], bl
        cmp al, ' '
        jne .next
        mov si, cx              ; a screenful of blanks clears the terminal
        movzx di, byte [BDA_ROWS]
        imul di, [BDA_COLUMNS]
        cmp si, di
        jb .next
        call mirror_clear
        jmp short .done
.next:  jcxz .done
        push ax
        call mirror_cell
        pop ax
        call next_cell
        jc .done
        loop .next
.done:  mov byte [cs:mirror_want], 7
        popa
.out:   ret

; Somebody waits for a key: the terminal's cursor has to be where the screen's is.
mirror_sync:
        call mirror_ready
        jc .out
        pusha
        movzx bx, byte [BDA_PAGE]
        add bx, bx
        mov dx, [bx + BDA_CURSORS]
        cmp dh, [BDA_ROWS]
        ja .done
        call mirror_goto
.done:  popa
.out:   ret

; AL from code page 437 to the nearest ASCII character.
mirror_ascii:
        push bx
        movzx bx, al
        cmp bl, 0x20
        jb .low
        cmp bl, 0x7f
        jb .done
        mov al, [cs:.high + bx - 0x7f]
        jmp short .done
.low:   mov al, [cs:.controls + bx]
.done:  pop bx
        ret
.controls:
        db ' @@*****oOoMFdd*><|!PS_|^v><L-^v'
.high:  db '^'
        db 'CueaaaaceeeiiiAAEaAooouuyOUcLYPf'
        db 'aiounNao?--24!<>###|++++++|+++++'
        db '++++-++++++++=+++++++++++++#####'
        db 'abgpSsmtFTOdoe^=+><()=~o..Vn2# '
        db ' '

; ---------------------------------------------------------------------------- from the terminal

; Turns what was typed at the terminal into keystrokes. Keeps all registers.
mirror_poll:
        call mirror_ready
        jc .out
        pusha
.next:  call key_room
        jz .done
        mov dx, 0x3fd
        in al, dx
        test al, 1
        jz .idle
        mov dl, 0xf8
        in al, dx
        call .byte
        jmp short .next
.idle:  cmp byte [cs:escape_state], 1
        jne .done
        mov al, [BDA_TICKS]     ; ESC and nothing after it: the key itself
        sub al, [cs:escape_tick]
        cmp al, 2
        jb .done
        mov byte [cs:escape_state], 0
        mov ax, 0x011b
        call key_store
.done:  popa
.out:   ret

.byte:  cmp byte [cs:escape_state], 0
        jne .sequence
        cmp al, 27
        jne .plain
        mov byte [cs:escape_state], 1
        mov al, [BDA_TICKS]
        mov [cs:escape_tick], al
        ret
.plain: mov bx, 0x1c0d
        cmp al, 10
        je .store
        mov bx, 0x0e08
        cmp al, 127
        je .store
        call key_of_ascii
        mov bx, ax
.store: mov ax, bx
        test ax, ax
        jnz key_store
        ret
.sequence:
        cmp byte [cs:escape_state], 1
        jne .final
        mov byte [cs:escape_state], 2
        cmp al, '['
        je .out
        cmp al, 'O'
        je .out
        mov byte [cs:escape_state], 0
        push ax
        mov ax, 0x011b
        call key_store
        pop ax
        jmp short .plain
.final: cmp al, '0'
        jb .end
        cmp al, '9'
        ja .letter
        mov [cs:escape_state], al       ; ESC [ 5 ~ and its like: remember the digit
        ret
.letter:
        mov si, .letters
        cmp al, '~'
        jne .find
        mov al, [cs:escape_state]
.find:  cmp byte [cs:si], 0
        je .end
        cmp al, [cs:si]
        je .found
        add si, 3
        jmp short .find
.found: mov ax, [cs:si + 1]
        call key_store
.end:   mov byte [cs:escape_state], 0
        ret
.letters:
        db 'A', 0xe0, 0x48, 'B', 0xe0, 0x50, 'C', 0xe0, 0x4d, 'D', 0xe0, 0x4b
        db 'H', 0xe0, 0x47, 'F', 0xe0, 0x4f, '1', 0xe0, 0x47, '4', 0xe0, 0x4f
        db '2', 0xe0, 0x52, '3', 0xe0, 0x53, '5', 0xe0, 0x49, '6', 0xe0, 0x51
        db 'P', 0x00, 0x3b, 'Q', 0x00, 0x3c, 'R', 0x00, 0x3d, 'S', 0x00, 0x3e
        db 0
